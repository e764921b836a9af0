"""Records: what is kept, for how long, with which proof."""
