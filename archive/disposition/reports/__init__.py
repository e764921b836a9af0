"""Reports of the archives: registers, the yearly statement, and stocktaking (*récolement*)."""
