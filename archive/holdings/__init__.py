"""Verbs of the archive: keep, describe, open, complete, verify."""
