"""HTTP: conditions, cursors, negotiation, uploads, errors, languages."""
