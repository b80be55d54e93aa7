"""Globs over a known alphabet: matched in linear time, without regular expressions."""
