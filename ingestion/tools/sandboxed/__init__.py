"""Sandboxed code: one module a tool. Its host imports nothing of it."""
