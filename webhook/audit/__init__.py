"""The audit trail: one JSON line for each decision, and annotations for the API server's audit log."""
