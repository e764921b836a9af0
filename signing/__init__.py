"""Bytes, PDFs, seals and time-stamps: what makes a claim checkable, without records."""
