"""Words of the archive: records, identifiers, settings."""
