"""Breaks the code on purpose and sees which tests notice."""
