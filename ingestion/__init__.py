"""Turns a deposit into a record, and assembles the system."""
