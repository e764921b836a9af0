"""Rows of the catalogue and the documents that describe records and tenants."""
