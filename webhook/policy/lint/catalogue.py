"""The list of all warnings by name, and their documentation; checks are imported on demand."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from webhook.schemas.parameters import Choice

if TYPE_CHECKING:
    from webhook.policy.lint.warning import Lint


_LINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "importer-not-exempt": "exemptions:ImporterNotExempt",
        "implicit-existing": "writing:ImplicitExisting",
        "empty-match": "redundant:EmptyMatch",
        "shadowed-entry": "redundant:ShadowedEntry",
        "missing-internal-registry": "writing:MissingInternalRegistry",
        "rule-named-as-kind": "writing:RuleNamedAsKind",
        "ends-soon": "exemptions:EndsSoon",
        "ended": "exemptions:Ended",
        "windows-over": "exemptions:WindowsOver",
        "scheduled-imports-in-freeze": "exemptions:ScheduledImportsInFreeze",
        "exemption-without-annotation": "exemptions:ExemptionWithoutAnnotation",
        "denied-default": "redundant:DeniedDefault",
        "overrides-cluster-default": "redundant:OverridesClusterDefault",
        "nothing-to-evaluate": "writing:NothingToEvaluate",
        "alias-bypass": "aliases:AliasBypass",
        "unguarded-immutable": "writing:UnguardedImmutable",
    }
)


def names() -> list[str]:
    """Return the names of the warnings, in order."""
    return list(_LINTS)


def lints() -> "list[Lint]":
    """Return the checks, in order."""
    found = (where.partition(":") for where in _LINTS.values())
    return [getattr(import_module(f"webhook.policy.lint.{module}"), name)() for module, _, name in found]


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
    return "\n".join(_lines(next(each for each in lints() if each.name == name)))


def _lines(lint: "Lint") -> Iterator[str]:
    yield f"{lint.name}: warning of `policy validate`"
    yield f"  {lint.documentation()}"
    yield ""
    yield "To resolve it:"
    yield f"  - {lint.remedy}"
    yield f"  - To accept it, add `ignore: [{lint.name}]` under `spec`, with a comment that gives the reason."


def warnings_table() -> str:
    """Return the warnings as a Markdown table."""
    rows = (f"| `{lint.name}` | {lint.documentation()} | {lint.remedy} |" for lint in lints())
    return "\n".join(("| warning | meaning | remedy |", "|---|---|---|", *rows))


def warnings_text() -> str:
    """Return the documentation of every warning."""
    return "\n\n".join(explained_warning(lint.name) for lint in lints())
