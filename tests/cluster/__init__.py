"""Tests against a real kube-apiserver; CONTRIBUTING.md says where its programs come from."""
