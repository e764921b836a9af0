"""Disposition (ISO 15489): locks, and what suspends or ends the keeping of records."""
