"""Which fields of the API decide what a tag means, and which rule kinds read them: from the ledger of each resource."""

from collections.abc import Iterator

from webhook.resources.catalog import RESOURCES
from webhook.resources.definition import Resource, Row
from webhook.rules.kinds import KINDS


def fields_table() -> str:
    """Return the ledger of each resource as a Markdown table."""
    return "\n\n".join("\n".join(_table(resource)) for resource in RESOURCES.values())


def fields_text() -> str:
    """Return the ledger of each resource for a terminal."""
    return "\n\n".join("\n".join(_text(resource)) for resource in RESOURCES.values())


def _table(resource: Resource) -> Iterator[str]:
    yield f"### {resource.name}\n"
    yield "| field | read by | notes |"
    yield "|---|---|---|"
    for path, row in resource.ledger.items():
        yield f"| `{path}` | {' '.join(f'`{kind}`' for kind in _kinds(row)) or '-'} | {_notes(row)} |"


def _text(resource: Resource) -> Iterator[str]:
    yield resource.name
    for path, row in resource.ledger.items():
        read = f"read by {', '.join(_kinds(row))}" if row.feeds else ""
        yield f"  {path}: {'; '.join(part for part in (read, _notes(row)) if part)}"


def _kinds(row: Row) -> list[str]:
    """Return the rule kinds that read what a field feeds."""
    return [kind.kind for kind in KINDS if not kind.reads.isdisjoint(row.feeds)]


def _notes(row: Row) -> str:
    parts = [row.because] if row.because else []
    if not row.has_effect:
        parts = [f"no effect on what a tag means: {row.because}"]
    if row.recorded:
        parts = [f"recorded: {row.because}"]
    if row.of_old:
        parts.append("read of the old object")
    if row.completed:
        parts.append("a default may set it")
    return "; ".join(parts)
