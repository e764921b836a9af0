"""Deposits: states, outbox, views."""
