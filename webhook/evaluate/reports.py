"""Reports written to the cluster, one per namespace; only changed reports of istag-webhook are written."""

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

_CHUNK: Final = 50  # reports of up to half a MiB each
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
        """List our reports, before there is anything to write.

        Raises:
            ClusterError: the cluster does not have this API, or does not allow listing the reports.
        """
        try:
            next(self._cluster.pages(self._resource, limit=1, labelSelector=_OURS))
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise ClusterError(f"the cluster does not serve {self._resource}; install its definition") from None
            raise

    def write(self, document: Mapping[str, Any], tries: int = _TRIES) -> None:
        """Create or replace the report of a namespace, unless it is unchanged.

        Earlier findings keep their time, and the report keeps what others wrote to it.

        Args:
            document: the report.
            tries: how often to retry after a conflict, from a lost answer or another writer.

        Raises:
            ClusterError: it cannot be written, or the report of that name is not ours.
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
            ClusterError: a report cannot be removed.
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
        """Return `report`, which must be ours."""
        metadata = report["metadata"]
        if (metadata.get("labels") or {}).get(MANAGED_BY) != NAME:
            raise ClusterError(
                f"{self._resource} {metadata['namespace']}/{NAME} was not written by istag-webhook: "
                f"it lacks the label {_OURS}; it is not changed"
            )
        return report


def written_back(
    found: Iterable[Outcome], reports: Reports, api: Api, header: Header, faults: list[str]
) -> Iterator[Outcome]:
    """Yield `found`, and write the report of each namespace after its last outcome.

    Args:
        found: outcomes, grouped by namespace.
        reports: writes the reports.
        api: the API of the reports.
        header: the header of the report.
        faults: collects reports that cannot be written; the scan continues.
    """
    for namespace, group in groupby(found, key=lambda outcome: outcome.namespace):
        gathered = Gathered()
        for outcome in group:
            gathered.add(outcome, header)
            yield outcome
        try:
            reports.write(gathered.document(api, header, namespace))
        except ClusterError as error:
            faults.append(f"the report of {namespace} was not written: {error}")


def _merged(document: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return `stored` updated from `document`; earlier findings keep the time at which they were first found."""
    found = {_what(result): result[_WHEN] for result in stored.get("results") or () if _WHEN in result}
    results = [{**result, _WHEN: found.get(_what(result), result[_WHEN])} for result in document["results"]]
    metadata = dict(stored["metadata"])
    for key in ("labels", "annotations"):
        theirs = {name: value for name, value in (metadata.get(key) or {}).items() if not name.startswith(f"{NAME}/")}
        metadata[key] = {**theirs, **document["metadata"][key]}
    return {**stored, **document, "metadata": metadata, "results": results}


def _what(result: Mapping[str, Any]) -> bytes:
    """Return the identity of a result: its rule and its tag, without the tag's index in the stream."""
    return orjson.dumps([result.get("rule"), result.get("resources")], option=orjson.OPT_SORT_KEYS)
