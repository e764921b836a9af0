"""Tests, by tier; a package so that another distribution’s ``tests`` never stands in for it."""
