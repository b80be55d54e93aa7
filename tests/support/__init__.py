"""Shared by the tests: builders of reviews, running servers and clusters, loads, tables and properties."""
