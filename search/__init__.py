"""Search index: a view that can be deleted and rebuilt from the archive."""
