"""The replica: write it, check it, restore from it, promote it."""
