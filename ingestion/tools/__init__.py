"""Tools: one wrapper a program; every parser of foreign bytes runs in the sandbox."""
