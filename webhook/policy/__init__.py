"""Policies: loaded, indexed, explained and compared."""
