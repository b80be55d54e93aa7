"""What the rule kinds say of themselves: the text of `policy explain` and the README's table."""

from collections.abc import Iterator

from webhook.policy.entries import judged
from webhook.rules import KINDS
from webhook.rules.base import Rule


def kinds() -> list[str]:
    """Return the names of the rule kinds, in their order."""
    return [kind.kind for kind in KINDS]


def explained(name: str) -> str:
    """Return what one rule kind means, takes and judges."""
    kind = next(each for each in KINDS if each.kind == name)
    return "\n".join(_lines(kind))


def _lines(kind: type[Rule]) -> Iterator[str]:
    yield kind.kind
    yield f"  {kind.documentation()}"
    for each in kind.parameters():
        yield f"  {each.name}: {each.metadata['parameter'].expected} - {each.metadata['doc']}"
    yield f"  judges: {_where(kind)}"


def _where(kind: type[Rule]) -> str:
    """Return the doors at which the kind judges."""
    return ", ".join(door.name for door in judged(kind))


def table() -> str:
    """Return the rule kinds as a Markdown table."""
    rows = [f"| `{kind.kind}` | {kind.documentation()} | {_parameters(kind)} | {_where(kind)} |" for kind in KINDS]
    return "\n".join(("| kind | what it says | parameters | judges |", "|---|---|---|---|", *rows))


def _parameters(kind: type[Rule]) -> str:
    return "<br>".join(f"`{each.name}`: {each.metadata['doc']}" for each in kind.parameters()) or "none"
