"""What the rule kinds say of themselves: the text of `policy explain` and the README's table."""

from collections.abc import Iterator

from webhook.model import TagField
from webhook.policy.entries import judged
from webhook.resources.catalog import RESOURCES
from webhook.resources.definition import Resource
from webhook.resources.parsing import SOURCE
from webhook.rules.base import Rule
from webhook.rules.kinds import KINDS


def kinds() -> list[str]:
    """Return the names of the rule kinds, in their order."""
    return [kind.kind for kind in KINDS]


def explained(name: str) -> str:
    """Return what one rule kind means, takes and evaluates."""
    kind = next(each for each in KINDS if each.kind == name)
    return "\n".join(_lines(kind))


def _lines(kind: type[Rule]) -> Iterator[str]:
    yield kind.kind
    yield f"  {kind.documentation()}"
    for each in kind.parameters():
        yield f"  {each.name}: {each.metadata['parameter'].expected} - {each.metadata['doc']}"
    yield from (f"  {path} ({type_}): {meaning}" for path, type_, meaning in kind.variables())
    yield f"  evaluates: {_where(kind)}"


def _where(kind: type[Rule]) -> str:
    """Return the resources whose reviews the kind evaluates."""
    return ", ".join(resource.name for resource in judged(kind)) or "no review, only `scan`"


def table() -> str:
    """Return the rule kinds as a Markdown table."""
    rows = [f"| `{kind.kind}` | {kind.documentation()} | {_parameters(kind)} | {_where(kind)} |" for kind in KINDS]
    return "\n".join(("| kind | what it says | parameters | evaluates |", "|---|---|---|---|", *rows))


def _parameters(kind: type[Rule]) -> str:
    return "<br>".join(f"`{each.name}`: {each.metadata['doc']}" for each in kind.parameters()) or "none"


def variables_table(name: str) -> str:
    """Return the fields that the expressions of one rule kind read, as a Markdown table; "" if it has none."""
    kind = next(each for each in KINDS if each.kind == name)
    rows = [f"| `{path}` | {type_} | {meaning} |" for path, type_, meaning in kind.variables()]
    return "\n".join(("| field | type | meaning |", "|---|---|---|", *rows)) if rows else ""


def resources_table() -> str:
    """Return what each kind evaluates of each resource, and what a patch of the defaults reaches there, as Markdown."""
    names = [f"`{name}`" for name in RESOURCES]
    kinds = (
        f"| `{kind.kind}` | {' | '.join(_cell(kind, resource) for resource in RESOURCES.values())} |" for kind in KINDS
    )
    kept = (" ".join(f"`{each}`" for each in _kept(resource)) or "-" for resource in RESOURCES.values())
    return "\n".join(
        (
            f"| kind | {' | '.join(names)} |",
            "|---|" + "---|" * len(names),
            *kinds,
            f"| *defaults that the API server keeps* | {' | '.join(kept)} |",
        )
    )


def resources_text() -> str:
    """Return the same for a terminal: resource by resource, the kinds that evaluate there and what they evaluate."""
    return "\n\n".join("\n".join(_resource_lines(resource)) for resource in RESOURCES.values())


def _resource_lines(resource: Resource) -> Iterator[str]:
    yield resource.name
    cells: dict[str, list[str]] = {}
    for kind in KINDS:
        cells.setdefault(_cell(kind, resource).replace("`", ""), []).append(kind.kind)
    for cell, found in cells.items():
        if cell != "-":
            yield f"  {cell}: {' '.join(found)}"
    yield f"  not evaluated there: {' '.join(cells.get('-', ())) or 'none'}"
    yield f"  defaults that the API server keeps: {' '.join(_kept(resource)) or 'none'}"


def _cell(kind: type[Rule], resource: Resource) -> str:
    """Return what of a resource's review the kind evaluates."""
    places = [place for place in resource.places if kind.judges_tags and kind.reads <= place.carries]
    source = not kind.reads.isdisjoint(SOURCE)
    judged = [f"`{place.field('from.name') if place.fields and source else place.path}`" for place in places]
    if kind.judges_streams and resource.streams:
        judged.append("the stream")
    return " ".join(dict.fromkeys(judged)) or "-"


def _kept(resource: Resource) -> list[str]:
    return [each for each in TagField if any(each in place.kept for place in resource.places)]
