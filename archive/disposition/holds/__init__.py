"""Holds: decisions, and the statements that the store keeps of them."""
