"""Time-stampers: adapters of the port."""
