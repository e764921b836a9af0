"""HTTP, HTML and the command line, nothing else."""
