"""`html`: one page that needs nothing else, for people: what came of it, where, by which rules, and each change.

The summary is in the page as it is written, so that it is read, and printed, without a script. The changes are in it as
JSON that no parser of HTML ends early; the page's script shows, sorts and filters them, and writes text only.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import orjson
from jinja2 import Environment, FunctionLoader, StrictUndefined

from webhook.report.header import Header
from webhook.report.html.listing import Listing
from webhook.report.html.summary import summary
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

_SCRIPTS: Final = ("dom.js", "rows.js", "state.js", "details.js", "table.js", "page.js")
# What HTML's tokenizer looks for in a script, and what JavaScript once took for the end of a line.
_ESCAPES: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the page."""
    listing = Listing()
    for outcome in outcomes:
        listing.add(outcome)
    style, script = _text("page.css"), "\n".join(map(_text, _SCRIPTS))
    yield from (
        _environment()
        .get_template("page.html")
        .generate(
            header=header,
            summary=summary(header, tally),
            listing=listing,
            rows=_embedded(listing.rows()),
            style=style,
            script=f'"use strict";\n(() => {{\n{script}}})();\n',
            digest=_digest,
        )
    )


def _environment() -> Environment:
    """Return the templates' environment: whatever a template writes is escaped unless the package made it."""
    return Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _text(name: str) -> str:
    return (files("webhook.report.html") / name).read_text(encoding="utf-8")


def _embedded(value: Any) -> str:
    """Return JSON that stands in a script element and ends it nowhere (HTML, 4.12.1.3)."""
    return orjson.dumps(value).decode().translate(_ESCAPES)


def _digest(text: str) -> str:
    """Return the source expression of an inline script or style (Content Security Policy, 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
