"""What every package stands on: errors, clock, canonical bytes."""
