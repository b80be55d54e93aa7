"""Warnings about policies that are valid but dangerous: a class for each warning, a module for each family."""
