"""SEDA 2.1, 2.2 and 2.3: read, check and write packages and replies, without a store."""
