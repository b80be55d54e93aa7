"""The running service: the Flask app, its logs, its metrics, and the process that holds them together."""
