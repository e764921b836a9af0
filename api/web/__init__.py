"""Pages: HTML for people, in French first."""
