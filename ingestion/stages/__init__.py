"""Stages: files and facts in, files and facts out."""
