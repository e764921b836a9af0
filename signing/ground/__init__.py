"""Ground of every package: errors, clock, canonical bytes."""
