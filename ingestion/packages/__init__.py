"""Packages of SEDA: taken apart into nodes and deposits, made of records."""
