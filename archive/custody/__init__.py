"""Custody of all holdings: rebuilt from the store, reconciled, copied to a second store."""
