"""The object store: its port, its adapters, paths, fixity and probes."""
