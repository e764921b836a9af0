"""Transfers of custody: what comes in packages of SEDA, and what is sent in them."""
