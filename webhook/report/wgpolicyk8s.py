"""`wgpolicyk8s`: a PolicyReport (wgpolicyk8s.io/v1alpha2) for each namespace, which OpenReports takes the place of."""

from collections.abc import Iterable, Iterator
from typing import Final

from webhook.report import openreports
from webhook.report.header import Header
from webhook.report.openreports import Api
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

WGPOLICYK8S: Final = Api("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports", configured=False)


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the List."""
    return openreports.write(header, outcomes, tally, WGPOLICYK8S)
