"""The archive: records, their retention and their proof."""
