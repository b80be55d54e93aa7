"""A whole scan: every image stream that is meant, evaluated as it is, and the reports that are written on the way."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from webhook.cluster.client import Cluster
from webhook.errors import ClusterError
from webhook.policy.loading import Policy
from webhook.report.header import Header
from webhook.report.openreports import Api, Gathered
from webhook.report.outcome import Outcome
from webhook.scan.images import Images
from webhook.scan.reports import Reports
from webhook.scan.stream import judged
from webhook.scan.walk import Progress, Selection, streams


def outcomes(
    cluster: Cluster, selection: Selection, policy: Policy, progress: Progress, *, images: bool = False
) -> Iterator[Outcome]:
    """Yield what the rules say of each tag that stands, those of a namespace one after the other.

    Args:
        cluster: what is evaluated.
        selection: what of it.
        policy: as it was loaded.
        progress: is told how far it went.
        images: whether to fetch the tags' images, for the rules that evaluate them.

    Raises:
        ClusterError: the API server cannot be reached, or denies.
    """
    stored, fetched = policy.for_stored_streams(), Images(cluster)
    for stream in streams(cluster, selection, progress):
        yield from judged(stream, stored, fetched.of(stream) if images else {})


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
