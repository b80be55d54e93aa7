"""Reports written back to the cluster, one for each namespace: ours alone, and only what changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

import orjson

from webhook.cluster.client import Cluster, Resource
from webhook.errors import ClusterError
from webhook.report.header import Header
from webhook.report.openreports import MANAGED_BY, NAME, Api, Gathered
from webhook.report.outcome import Outcome

_CHUNK: Final = 50  # reports, of which each may be half a MiB
_OURS: Final = f"{MANAGED_BY}={NAME}"
_WHEN: Final = "timestamp"
_TRIES: Final = 5


class Reports:
    """The reports of one API in a cluster."""

    def __init__(self, cluster: Cluster, api: Api) -> None:
        self._cluster = cluster
        self._resource = Resource(api.group, api.version, api.plural)
        self.written: set[str] = set()

    def check(self) -> None:
        """Ask for our reports, before there is anything to write.

        Raises:
            ClusterError: the cluster does not know such reports, or does not let us list them.
        """
        try:
            next(self._cluster.pages(self._resource, limit=1, labelSelector=_OURS))
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise ClusterError(f"the cluster does not know {self._resource}; expected its definition") from None
            raise

    def write(self, document: Mapping[str, Any], tries: int = _TRIES) -> None:
        """Create or replace the report of a namespace; nothing is sent where it says the same already.

        What was found before keeps its time, and the report what others wrote on it.

        Args:
            document: the report.
            tries: how often to look again where it was written meanwhile, by an answer that was lost or somebody else.

        Raises:
            ClusterError: it cannot be written, or the report of that name is another's.
        """
        namespace = document["metadata"]["namespace"]
        self.written.add(namespace)
        stored = self._stored(namespace)
        try:
            if stored is None:
                self._cluster.create(self._resource, document, namespace)
            elif (wanted := _merged(document, self._ours(stored))) != stored:
                self._cluster.replace(self._resource, wanted, namespace)
        except ClusterError as error:
            if error.status != HTTPStatus.CONFLICT or tries == 1:
                raise
            self.write(document, tries - 1)

    def remove_stale(self, meant: Callable[[str], bool]) -> Iterator[str]:
        """Remove our reports of the namespaces that are `meant` and were not written, and yield those namespaces.

        Raises:
            ClusterError: one cannot be removed.
        """
        for page in self._cluster.pages(self._resource, limit=_CHUNK, labelSelector=_OURS):
            for report in page.items:
                namespace, name = report["metadata"]["namespace"], report["metadata"]["name"]
                if name == NAME and namespace not in self.written and meant(namespace):
                    self._delete(namespace)
                    yield namespace

    def _stored(self, namespace: str) -> dict[str, Any] | None:
        try:
            return self._cluster.get(self._resource, NAME, namespace)
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _delete(self, namespace: str) -> None:
        try:
            self._cluster.delete(self._resource, NAME, namespace)
        except ClusterError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def _ours(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `report`, which must be one that we made."""
        metadata = report["metadata"]
        if (metadata.get("labels") or {}).get(MANAGED_BY) != NAME:
            raise ClusterError(
                f"{self._resource} {metadata['namespace']}/{NAME} is not ours: "
                f"it has not the label {_OURS}; it is left as it is"
            )
        return report


def written_back(
    found: Iterable[Outcome], reports: Reports, api: Api, header: Header, faults: list[str]
) -> Iterator[Outcome]:
    """Yield `found`, and write the report of each namespace once it is at its end.

    Args:
        found: outcomes, those of a namespace one after the other.
        reports: where they are written.
        api: which reports they are.
        header: the head of the report.
        faults: what is added for a report that cannot be written; the scan goes on.
    """
    for namespace, group in groupby(found, key=lambda outcome: outcome.namespace):
        gathered = Gathered()
        for outcome in group:
            gathered.add(outcome, header)
            yield outcome
        try:
            reports.write(gathered.document(api, header, namespace))
        except ClusterError as error:
            faults.append(f"the report of {namespace} is not written: {error}")


def _merged(document: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return `stored` with what `document` says; what was found before keeps the time at which it was found first."""
    found = {_what(result): result[_WHEN] for result in stored.get("results") or () if _WHEN in result}
    results = [{**result, _WHEN: found.get(_what(result), result[_WHEN])} for result in document["results"]]
    metadata = dict(stored["metadata"])
    for key in ("labels", "annotations"):
        theirs = {name: value for name, value in (metadata.get(key) or {}).items() if not name.startswith(f"{NAME}/")}
        metadata[key] = {**theirs, **document["metadata"][key]}
    return {**stored, **document, "metadata": metadata, "results": results}


def _what(result: Mapping[str, Any]) -> bytes:
    """Return what a result is of: which rule, and which tag; its place in the stream may be another."""
    return orjson.dumps([result.get("rule"), result.get("resources")], option=orjson.OPT_SORT_KEYS)
