"""Compare store, catalogue and journal; nothing is repaired."""
