"""The Flask app, its logs and its metrics."""
