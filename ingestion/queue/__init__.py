"""Wake-up messages to workers."""
