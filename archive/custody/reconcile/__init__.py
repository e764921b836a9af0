"""Store, catalogue and journal compared; nothing repaired."""
