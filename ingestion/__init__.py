"""Ingestion: turns a deposit into a record, and assembles the system."""
