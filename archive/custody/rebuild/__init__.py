"""Rebuild database and journal from the store alone."""
