"""Sandboxed code: one module a tool. The host imports nothing of it."""
