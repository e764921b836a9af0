"""Database and journal made again from the store alone."""
