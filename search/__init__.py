"""The index: a view that can be thrown away and rebuilt from the archive."""
