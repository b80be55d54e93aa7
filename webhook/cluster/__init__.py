"""The Kubernetes API, for commands that need a cluster. The client library is an optional extra."""
