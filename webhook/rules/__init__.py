"""The rule kinds: one frozen class per kind, all listed in `kinds`."""
