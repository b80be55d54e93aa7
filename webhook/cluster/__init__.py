"""The Kubernetes API, for commands that ask for it: JSON in, JSON out. Its library is an extra, and read only then."""

from importlib.util import find_spec
from pathlib import Path

from webhook.cluster.client import Cluster
from webhook.cluster.resource import Page, Resource
from webhook.errors import ClusterRefused

__all__ = ["Cluster", "Page", "Resource", "connect"]


def connect(kubeconfig: Path | None = None, context: str | None = None) -> Cluster:
    """Return the cluster that a kubeconfig names; nothing is sent yet.

    Args:
        kubeconfig: the file. None looks where kubectl does: KUBECONFIG, ~/.kube/config, a pod's service account.
        context: one of its contexts. None is the current one.

    Raises:
        ClusterRefused: the extra `cluster` is not installed, or the configuration cannot be used.
    """
    if find_spec("kubernetes") is None:
        raise ClusterRefused(
            "the Kubernetes client is not installed: pip install 'istag-webhook[cluster]', in a checkout '.[cluster]'"
        )
    from webhook.cluster.transport import Transport  # noqa: PLC0415 - only where a cluster is asked

    return Cluster(Transport.of(kubeconfig, context))
