"""Namespaces that ordinary users cannot have."""

from typing import Final

# openshift-apiserver, project/apiserver/registry/projectrequest/delegated: no user can request these projects.
_NAMES: Final = frozenset({"openshift", "kubernetes", "kube"})
_PREFIXES: Final = ("openshift-", "kubernetes-", "kube-")


def reserved(pattern: str) -> bool:
    """Whether every namespace that a glob matches is one that no ordinary user can request."""
    return pattern in _NAMES or pattern.startswith(_PREFIXES)
