"""The server: supervisor, processes, health check."""
