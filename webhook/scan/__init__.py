"""A live cluster, held against a policy: what stands there is judged, reported, and completed."""
