"""The stages of a document's way: files and facts in, files and facts out."""
