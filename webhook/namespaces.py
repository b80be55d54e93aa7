"""Namespaces that an ordinary user cannot request as a project: all that the shipped policy and manifests exempt."""

from typing import Final

# openshift-apiserver, project/apiserver/registry/projectrequest/delegated, forbiddenNames and forbiddenPrefixes.
RESERVED_NAMES: Final = ("openshift", "kubernetes", "kube")
RESERVED_PREFIXES: Final = ("openshift-", "kubernetes-", "kube-")
RESERVED: Final = (*RESERVED_NAMES, *(f"{prefix}*" for prefix in RESERVED_PREFIXES))  # as globs


def is_reserved(namespace: str) -> bool:
    """Whether the API server forbids ordinary users to request a project of this name."""
    return namespace in RESERVED_NAMES or namespace.startswith(RESERVED_PREFIXES)
