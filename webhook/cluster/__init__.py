"""The Kubernetes API, for commands that ask for it: JSON in, JSON out. Its library is an extra, and read only then."""

from importlib.util import find_spec
from pathlib import Path

from webhook.cluster.client import Cluster
from webhook.cluster.resource import Page, Resource
from webhook.errors import ClusterRefused

__all__ = ["Cluster", "Page", "Resource", "connect"]


def connect(kubeconfig: Path | None = None, context: str | None = None, patience: float = 0.0) -> Cluster:
    """Return the cluster that a kubeconfig names; nothing is sent yet.

    Args:
        kubeconfig: the file. None looks where kubectl does: KUBECONFIG, ~/.kube/config, a pod's service account.
        context: one of its contexts. None is the current one.
        patience: seconds before the second repetition of a request that failed or was denied for the moment; each
            further one waits twice as long. For a caller whose every request may be repeated, also those that write. 0
            repeats at once what is safe to repeat after a lost connection, and nothing that was denied.

    Raises:
        ClusterRefused: the extra `cluster` is not installed, or the configuration cannot be used.
    """
    if find_spec("kubernetes") is None:
        raise ClusterRefused(
            "the Kubernetes client is not installed: pip install 'istag-webhook[cluster]', in a checkout '.[cluster]'"
        )
    from webhook.cluster.transport import Transport  # noqa: PLC0415 - only where a cluster is asked

    return Cluster(Transport.of(kubeconfig, context, patience))
