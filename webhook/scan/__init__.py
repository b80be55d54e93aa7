"""A live cluster, held against a policy: what stands there is evaluated, reported, and completed."""
