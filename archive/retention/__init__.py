"""Retention and access rules: dates, sentences, the retention schedule."""
