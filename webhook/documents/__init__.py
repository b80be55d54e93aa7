"""YAML and JSON as Kubernetes reads them, with the line and column of every value."""
