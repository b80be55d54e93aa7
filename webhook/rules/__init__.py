"""What a tag must be: one frozen class a rule kind, all of them in `kinds`."""
