"""What commands found, in the formats that people and pipelines read: one module a format."""
