"""Signers: adapters that hold the seal's private key."""
