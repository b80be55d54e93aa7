"""The list of all warnings, and their documentation."""

import re
from collections.abc import Iterator
from typing import Final

from webhook.policy.lint.aliases import AliasBypass
from webhook.policy.lint.exemptions import ExemptionWithoutAnnotation, ImporterNotExempt
from webhook.policy.lint.redundant import DeniedDefault, EmptyMatch, OverridesClusterDefault, ShadowedEntry
from webhook.policy.lint.warning import Lint
from webhook.policy.lint.writing import (
    ImplicitExisting,
    MissingInternalRegistry,
    NothingToEvaluate,
    RuleNamedAsKind,
    UnguardedImmutable,
)
from webhook.schemas.parameters import Choice

LINTS: Final[tuple[Lint, ...]] = (
    ImporterNotExempt(),
    ImplicitExisting(),
    EmptyMatch(),
    ShadowedEntry(),
    MissingInternalRegistry(),
    RuleNamedAsKind(),
    ExemptionWithoutAnnotation(),
    DeniedDefault(),
    OverridesClusterDefault(),
    NothingToEvaluate(),
    AliasBypass(),
    UnguardedImmutable(),
)


def names() -> list[str]:
    """Return the names of the warnings, in order."""
    return [lint.name for lint in LINTS]


class WarningName(Choice):
    """The name of a warning."""

    def __init__(self) -> None:
        super().__init__(*names())


_MENTIONED: Final = re.compile(r"\(warning ([-a-z]+)\)")


def mentioned(text: str) -> list[str]:
    """Return the warnings that `text` names, as a single name or in the output of `policy validate`."""
    known = names()
    return [text] if text in known else [name for name in dict.fromkeys(_MENTIONED.findall(text)) if name in known]


def explained_warning(name: str) -> str:
    """Return the documentation of one warning."""
    return "\n".join(_lines(next(each for each in LINTS if each.name == name)))


def _lines(lint: Lint) -> Iterator[str]:
    yield f"{lint.name}: warning of `policy validate`"
    yield f"  {lint.documentation()}"
    yield ""
    yield "To resolve it:"
    yield f"  - {lint.remedy}"
    yield f"  - To accept it, add `ignore: [{lint.name}]` under `spec`, with a comment that gives the reason."


def warnings_table() -> str:
    """Return the warnings as a Markdown table."""
    rows = (f"| `{lint.name}` | {lint.documentation()} | {lint.remedy} |" for lint in LINTS)
    return "\n".join(("| warning | meaning | remedy |", "|---|---|---|", *rows))


def warnings_text() -> str:
    """Return the documentation of every warning."""
    return "\n\n".join(explained_warning(lint.name) for lint in LINTS)
