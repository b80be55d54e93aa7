"""Warnings about policies that are legal and dangerous: one class a warning, one module a family."""
