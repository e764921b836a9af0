"""Custody of the holdings as a whole: made again from the store, compared, kept twice."""
