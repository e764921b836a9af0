"""Formats in which things are handed in and out, without a store or a database."""
