"""The trail: one JSON line a decision, and annotations for the API server's own audit log."""
