"""A verifier in Go, written from the documents alone, beside ours over altered bundles."""
