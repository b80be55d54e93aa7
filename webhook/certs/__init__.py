"""Certificates: issued for development or a cluster, served without restarts, renewed in a cluster."""
