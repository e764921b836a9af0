"""Model of the archive: records, description fields, identifiers, settings, vocabularies."""
