"""A cluster as questions: each image stream as stored, and each of its tags, as if it were set now."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, Final

from webhook.admission import engine
from webhook.cluster.client import Cluster, Resource
from webhook.errors import ClusterError
from webhook.evaluate.question import API_VERSION, Question, answers, stored_request
from webhook.evaluate.streams import Progress, Selection, key_of, streams
from webhook.model.decision import Decision, Finding, Mode, PatchOp, allow, deny
from webhook.model.review import Change, Review, User
from webhook.model.tag import Image
from webhook.policy.match import TagPattern
from webhook.policy.policy import Policy
from webhook.report.outcome import Origin, Outcome
from webhook.report.tally import Tally
from webhook.resources import catalog
from webhook.resources.catalog import STREAM
from webhook.resources.history import read_image
from webhook.resources.objects import GROUP, VERSION
from webhook.rules.base import EvaluationContext
from webhook.schemas.times import written

# A cluster does not store the user who set a tag: rules that match users or groups report nothing, and no exemption
# applies.
NOBODY: Final = User("")
_IMAGES: Final = Resource(GROUP, VERSION, "images")
_REMEMBERED: Final = 8_192  # images of about a kilobyte each
_TOGETHER: Final = 8  # concurrent requests; an API server allows a client a few hundred


def scan(
    cluster: Cluster,
    selection: Selection,
    policy: Policy,
    time: datetime,
    progress: Progress,
    *,
    images: bool = False,
) -> Iterator[Outcome]:
    """Yield the outcome of each tag in a cluster, grouped by namespace.

    Args:
        cluster: the cluster.
        selection: the selected image streams.
        policy: the policy as it was loaded.
        time: the moment as of which the tags are evaluated.
        progress: is called with the progress.
        images: whether to fetch the tags' images, for the rules that evaluate them.

    Raises:
        ClusterError: the API server cannot be reached, or denies a request.
    """
    asked, fetched = policy.for_stored_streams(), Images(cluster)
    for stream in streams(cluster, selection, progress):
        yield from evaluated(stream, asked, fetched.of(stream) if images else {}, time)


def evaluated(
    stream: Mapping[str, Any], policy: Policy, images: Mapping[str, Image], time: datetime
) -> Iterator[Outcome]:
    """Yield the outcome of each tag of `stream`, after one for the stream if there are findings about it.

    Args:
        stream: an ImageStream as the API server returns it.
        policy: the policy, made by `Policy.for_stored_streams`.
        images: the known images, by digest.
        time: the moment as of which the tags are evaluated.
    """
    found = answers(questions(stream, images, time), policy)
    return (outcome for outcome in found if outcome.tags or outcome.findings or outcome.message)


def questions(stream: Mapping[str, Any], images: Mapping[str, Image], time: datetime) -> Iterator[Question]:
    """Yield a question for `stream` itself, and one for each of its tags as stored.

    They need a policy made by `Policy.for_stored_streams`.

    Args:
        stream: an ImageStream as the API server returns it.
        images: the known images, by digest.
        time: the moment as of which the tags are evaluated.
    """
    review = _review(stream, time, is_stored=True)
    context = EvaluationContext(review)
    for part in catalog.stored_parts(review, images):
        change = part[0]
        asked = replace(review, resource=change.resource, namespace=change.namespace, name=change.stream, operation="")
        yield Question(Origin(), asked, partial(_decide, part, context))


def _decide(part: tuple[Change, ...], context: EvaluationContext, _: Review, policy: Policy) -> Decision:
    """Decide on one part of a stored stream."""
    findings = tuple(
        _under_ended_exemption(finding, change, context.review, policy)
        for change in part
        for finding in engine.evaluate(change, context, policy)
    )
    denied = any(finding.mode is Mode.ENFORCE for finding in findings)
    return (deny if denied else allow)(part[:1], findings)


def _under_ended_exemption(finding: Finding, change: Change, review: Review, policy: Policy) -> Finding:
    """Return the finding; if an exemption that ended matches the change, the message names it, its end and ticket."""
    for entry in policy.exemptions:
        if entry.period is None or entry.period.end is None or not entry.period.ended(review.time):
            continue
        given = change.new.annotations.get(entry.annotation, "") if change.new is not None else ""
        if (given or not entry.annotation) and entry.match.selects(change, review.user, perhaps=False):
            ticket = f" (ticket {entry.ticket})" if entry.ticket else ""
            note = f"the exemption {entry.name} ended {written(entry.period.end)}{ticket}"
            return replace(finding, message=f"{finding.message}; {note}")
    return finding


def completion(stream: Mapping[str, Any], policy: Policy) -> tuple[PatchOp, ...]:
    """Return what the defaults of `policy` would set now if all tags of `stream` were new, () if nothing is missing."""
    return engine.mutate(_review(stream, datetime.now(UTC), is_stored=False), policy).patch


def _review(stream: Mapping[str, Any], time: datetime, *, is_stored: bool) -> Review:
    """Return the review in which the API server would send `stream`; the items of a list lack their kind."""
    namespace, _, name = key_of(stream).partition("/")
    document = {"apiVersion": API_VERSION, "kind": STREAM.kind, **stream}
    request = stored_request(document, document if is_stored else None, NOBODY)
    return Review(
        version="v1",
        uid="",
        resource=STREAM.name,
        kind=STREAM.kind,
        operation=request["operation"],
        namespace=namespace,
        name=name,
        user=NOBODY,
        dry_run=True,
        time=time,
        request=request,
    )


@dataclass(slots=True)
class Stored:
    """The tags in the report of a scan.

    Attributes:
        tags: the path and the source of each tag that was selected, by name.
        streams: the streams of which the report lists a tag.
        complete: whether the report lists every tag that was evaluated, and not only those with findings.
    """

    tags: dict[str, tuple[str, str]] = field(default_factory=dict)
    streams: set[str] = field(default_factory=set)
    complete: bool = False

    def read(self, outcomes: Iterable[Outcome], tally: Tally, pattern: TagPattern) -> None:
        """Read the outcomes of a report.

        Args:
            outcomes: the outcomes.
            tally: the summary of the report, complete after the last outcome.
            pattern: selects the tags to keep.
        """
        listed = 0
        for outcome in outcomes:
            listed += 1
            for tag in outcome.tags:
                name, path = str(tag["tag"]), str(tag["path"])
                # Everything else is about the stream, such as the repository that it follows.
                if path.startswith(("spec.tags[", "status.tags[")):
                    self.streams.add(name.partition(":")[0])
                    if pattern.matches(name):
                        self.tags[name] = path, tag["to"] or ""
        self.complete = listed >= tally.evaluated


class Images:
    """The images of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._get = lru_cache(maxsize=_REMEMBERED)(self._fetch)

    def of(self, stream: Mapping[str, Any]) -> Mapping[str, Image]:
        """Return the newest images of the tags of `stream`, by digest, without those that the cluster lacks.

        Raises:
            ClusterError: an image cannot be fetched.
        """
        wanted = sorted({digest for _, digest in catalog.digests(stream) if digest})
        with ThreadPoolExecutor(_TOGETHER) as pool:
            found = zip(wanted, pool.map(self._get, wanted), strict=True)
            return {digest: image for digest, image in found if image is not None}

    def _fetch(self, digest: str) -> Image | None:
        try:
            return read_image(self._cluster.get(_IMAGES, digest))
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # pruned, although a tag still names it
                return None
            raise
