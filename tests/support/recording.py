"""Records for the tests, as the server writes them."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.builders import REVIEWS, decoded

from webhook.admission import engine
from webhook.audit.record import Context, record, tags
from webhook.policy.policy import Policy

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def recorded(
    document: dict[str, Any], policy: Policy, webhook: str = "validate", level: str = "request", *, minutes: int = 0
) -> bytes:
    """Return the record of a review, `minutes` after BEGIN, without its newline."""
    review = decoded(document)
    decision = getattr(engine, webhook)(review, policy)
    context = Context(webhook, "1.2.3", level)
    time = BEGIN + timedelta(minutes=minutes)
    return record(review, decision, tags(decision), policy, context, time=time, seconds=0.001)


def decisions(path: Path) -> list[dict[str, Any]]:
    """Return the records of decisions in a file, without torn lines, policies and checkpoints."""
    found = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return [line for line in found if line["kind"] == "decision"]


def history(policy: Policy, times: int = 1) -> list[bytes]:
    """Return the records of all recorded reviews, `times` over, each an hour after the one before."""
    reviews = [
        ("mutate" if "mutate" in path.name else "validate", json.loads(path.read_bytes()))
        for path in sorted(REVIEWS.glob("*.json"))
        if "expected" not in path.name
    ]
    lines = []
    for round_ in range(times):
        for number, (webhook, document) in enumerate(reviews):
            request = {**document["request"], "namespace": f"team-{(number + round_) % 7}"}
            minutes = 60 * (round_ * len(reviews) + number)
            lines.append(recorded({**document, "request": request}, policy, webhook, minutes=minutes))
    return lines
