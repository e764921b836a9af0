"""Who says what time it was."""
