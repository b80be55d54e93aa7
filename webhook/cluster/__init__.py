"""The Kubernetes API, for commands that need a cluster. Its client library is an extra, imported only then."""
