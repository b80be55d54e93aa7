"""The SQL of docs/how-to/query-records.md: its queries, and the columns, which `python -m tools.record_queries` writes.

DuckDB guesses types file by file. A file in which a field never occurs then has no such column, and an empty list has
no type. So that a query means the same for all files, `docs/how-to/records.sql` states the types.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.reference import DOCS

SCHEMA: Final = DOCS / "reference" / "record.schema.json"
SQL: Final = DOCS / "how-to" / "records.sql"
PAGE: Final = DOCS / "how-to" / "query-records.md"
_QUERY: Final = re.compile(r"^### ([^\n]+)\n(?:(?!^#).)*?^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PART: Final = re.compile(r"(?<=columns = \{\n).*?(?=    \}\);\n)", re.DOTALL)
_SCALARS: Final = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "string": "VARCHAR"}
_TIME: Final = "TIMESTAMP WITH TIME ZONE"


def queries() -> dict[str, str]:
    """Return the queries of the page by their questions, in the order of the page."""
    return dict(_QUERY.findall(PAGE.read_text()))


def columns(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return the DuckDB type of each field that a line of any kind has, by its name.

    Raises:
        ValueError: kinds of lines have fields of one name that do not fit.
    """
    merged: dict[str, Any] = {}
    for kind in schema["$defs"].values():
        for name, field in kind["properties"].items():
            merged[name] = _both(name, merged[name], field) if name in merged else field
    return {name: _type(field) for name, field in merged.items()}


def _both(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a field that holds what both fields hold."""
    if "properties" in one and "properties" in other:
        return {**one, "properties": {**one["properties"], **other["properties"]}}
    if _type(one) != _type(other):
        raise ValueError(f"{name}: expected one type in all kinds of lines, got {_type(one)} and {_type(other)}")
    return one


def _type(field: Mapping[str, Any]) -> str:
    """Return the type of a field; what may be of several types, or is any object, is JSON."""
    given = field["type"]
    kinds = {given} if isinstance(given, str) else {*given} - {"null"}
    if len(kinds) != 1:
        return "JSON"
    (kind,) = kinds
    if kind == "array":
        return f"{_type(field['items'])}[]"
    if kind == "object":
        inner = ", ".join(f'"{name}" {_type(each)}' for name, each in field.get("properties", {}).items())
        return f"STRUCT({inner})" if inner else "JSON"
    return _TIME if field.get("format") == "date-time" else _SCALARS[kind]


def rendered(text: str) -> str:
    """Return a text of SQL with its columns updated."""
    found = columns(json.loads(SCHEMA.read_text()))
    lines = "".join(f"      '{name}': '{type_}',\n" for name, type_ in found.items())
    return _PART.sub(lambda _: lines, text)


def write(path: Path = SQL) -> None:
    """Update the columns of a file."""
    path.write_text(rendered(path.read_text()))


if __name__ == "__main__":
    write()
