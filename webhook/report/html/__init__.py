"""`html`: one page that needs nothing else, for people."""
