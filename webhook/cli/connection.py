"""The options of every command that asks a cluster."""

from collections.abc import Callable
from pathlib import Path

import click


def connection(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options `--kubeconfig` and `--context`, as `cluster.connect` takes them."""
    command = click.option("--context", help="Context of the kubeconfig. Default: its current one.")(command)
    return click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        help="How to reach the cluster. Default: KUBECONFIG, ~/.kube/config, or the pod's service account.",
    )(command)
