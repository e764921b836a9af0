"""The object store: the port and what stands behind it."""
