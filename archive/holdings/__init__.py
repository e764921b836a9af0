"""Holdings: the verbs of the archive: keep, describe, open, complete, verify."""
