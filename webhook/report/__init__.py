"""Reports of what commands found, for people and pipelines: one module per format."""
