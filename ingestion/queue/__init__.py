"""Queue: wake-up messages to workers."""
