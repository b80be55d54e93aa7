"""The files through which the workers' metrics are read together."""

import os
import struct
from collections.abc import Iterable
from time import sleep
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest, multiprocess, values
from prometheus_client.registry import Collector

from webhook.metrics.instruments import POLICY

# Where the workers share their files; prometheus_client reads it when it is imported, so it is set before this room is.
_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
_READS: Final = 20
_READ_SECONDS: Final = 0.01


def registry() -> CollectorRegistry:
    """Return the registry of this worker, whose metrics go into its own files where there is a directory for them."""
    if _DIRECTORY in os.environ:
        # Made in the worker, which forks no more: the library need not ask for the pid at each count.
        pid = os.getpid()
        values.ValueClass = values.MultiProcessValue(process_identifier=lambda: pid)  # type: ignore[no-untyped-call]
    return CollectorRegistry()


def exposition(own: CollectorRegistry) -> bytes:
    """Return the metrics of all workers in Prometheus's text format, those of `own` alone where none are shared."""
    shared = _DIRECTORY in os.environ
    everything = _Current(multiprocess.MultiProcessCollector(None) if shared else own)  # type: ignore[no-untyped-call]
    for _ in range(_READS):
        try:
            return generate_latest(everything)
        except struct.error:  # another worker has just made its file, and not yet filled it
            sleep(_READ_SECONDS)
    return generate_latest(everything)


def forget(pid: int) -> None:
    """Drop the gauges of a worker that ended; its counters stay until the pod ends, for a sum may not fall."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _Current(Collector):
    """What another collector has, less the policies that are no longer in force: a shared file forgets no label."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        """Yield each metric."""
        for metric in self._collector.collect():
            if metric.name == POLICY:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric
