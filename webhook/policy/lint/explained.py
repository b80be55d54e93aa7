"""What the warnings mean: the text of `policy explain` and the README's table."""

import re
from collections.abc import Iterator
from typing import Final

from webhook.policy.lint.catalogue import lints, names
from webhook.policy.lint.warning import Lint

_MENTIONED: Final = re.compile(r"\(warning ([-a-z]+)\)")


def mentioned(text: str) -> list[str]:
    """Return the warnings that `text` names: one alone, or as `policy validate` prints them."""
    known = names()
    return [text] if text in known else [name for name in dict.fromkeys(_MENTIONED.findall(text)) if name in known]


def explained_warning(name: str) -> str:
    """Return the documentation of one warning."""
    return "\n".join(_lines(next(each for each in lints() if each.name == name)))


def _lines(lint: Lint) -> Iterator[str]:
    yield f"{lint.name}: warning of `policy validate`"
    yield f"  {lint.documentation()}"
    yield ""
    yield "To resolve it:"
    yield f"  - {lint.remedy}"
    yield f"  - To accept it, add `ignore: [{lint.name}]` under `spec`, with a comment that says why."


def warnings_table() -> str:
    """Return the warnings as a Markdown table."""
    rows = (f"| `{lint.name}` | {lint.documentation()} | {lint.remedy} |" for lint in lints())
    return "\n".join(("| warning | meaning | remedy |", "|---|---|---|", *rows))


def warnings_text() -> str:
    """Return the documentation of every warning."""
    return "\n\n".join(explained_warning(lint.name) for lint in lints())
