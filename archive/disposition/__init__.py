"""Locks, and what suspends or ends the keeping of records (ISO 15489 disposition)."""
