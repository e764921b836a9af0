"""Holds: decisions, and the statements of them in the store."""
