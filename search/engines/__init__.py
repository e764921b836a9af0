"""Search engines behind the port."""
