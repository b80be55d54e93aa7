"""Measure what each optimisation on the path of a review saves, into docs/performance.md: `make bench-optimisations`.

Each process leaves one optimisation out and calls the app in memory. The processes take turns, and the least of the rounds
counts, because other work on the machine only adds to it. An optimisation that saves less than 3 % of every kind of review
is removed.
"""

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import click
from tests.support.bodies import layers, plain, stream
from tests.support.paths import DATA
from tools import figures

_TWENTY: Final = DATA / "policies" / "twenty.yaml"


def _without_quick_values() -> None:
    from webhook import values  # noqa: PLC0415 - before anything else is imported

    values.quick = lambda cls: cls


def _without_fast_acceptance() -> None:
    from webhook.schemas.schema import Document  # noqa: PLC0415 - as above

    def by_marshmallow(schema: Any, *, many: bool) -> Callable[[Any], bool]:
        def loads(value: Any) -> bool:
            return isinstance(value, dict) and not schema.validate(value)

        return (lambda values: isinstance(values, list) and all(map(loads, values))) if many else loads

    Document.acceptance = by_marshmallow  # type: ignore[method-assign, assignment]


def _without_generated_acceptance() -> None:
    from webhook.schemas.schema import Document  # noqa: PLC0415 - as above

    missing = object()

    def looping(schema: Any, *, many: bool) -> Callable[[Any], bool]:
        contradictable = type(schema).contradictions is not Document.contradictions

        def accepts(value: Any) -> bool:
            if value.__class__ is not dict:
                return False
            get = value.get
            for key, required, whole, accepted in schema._checked:  # noqa: SLF001 - our own
                found = get(key, missing)
                if found is missing:
                    if required:
                        return False
                elif found is not None and found.__class__ is not whole and not accepted(found):
                    return False
            return not contradictable or next(iter(schema.contradictions(value)), None) is None

        return (lambda values: values.__class__ is list and all(map(accepts, values))) if many else accepts

    Document.acceptance = looping  # type: ignore[method-assign, assignment]


def _without_canonical_json() -> None:
    from webhook.admission import codec  # noqa: PLC0415 - as above

    setattr(codec, "_canonical", lambda _: None)  # noqa: B010 - of another signature


def _without_cached_sources() -> None:
    from webhook.schemas import tag  # noqa: PLC0415 - as above

    setattr(tag, "_remembered", tag._parsed)  # noqa: B010, SLF001 - our own


def _without_lean_flask() -> None:
    from flask import Flask, Response  # noqa: PLC0415 - as above

    from webhook.service import app, lean  # noqa: PLC0415 - as above

    class Stock(Flask):
        def make_response(self, rv: Any) -> Response:
            if isinstance(rv, lean.Deferred):
                answer = rv._finish()  # noqa: SLF001 - our own
                rv = Response(answer, content_type=lean.JSON) if isinstance(answer, bytes) else answer
            return super().make_response(rv)

    setattr(app, "Lean", lambda name: Stock(name, static_folder=None))  # noqa: B010 - in the place of a class


def _without_shared_matches() -> None:
    from webhook.policy.match import Selector  # noqa: PLC0415 - as above

    selects = Selector._selects_stream  # noqa: SLF001 - our own

    def anew(self: Selector, namespace: str, stream: str, user: Any) -> bool:
        user.known.clear()
        return selects(self, namespace, stream, user)

    Selector._selects_stream = anew  # type: ignore[method-assign] # noqa: SLF001 - our own


# The name of each in the table, and a function that disables it, called before other imports.
_OPTIMISATIONS: Final[dict[str, Callable[[], None]]] = {
    "values made without a call for each field (`values.quick`)": _without_quick_values,
    "schemas that accept without marshmallow (`Document.accepts`)": _without_fast_acceptance,
    "one statement for each field of a schema, without a loop (`Document.acceptance`)": _without_generated_acceptance,
    "JSON that is canonical is read by orjson alone": _without_canonical_json,
    "parsed sources are cached": _without_cached_sources,
    "Flask without sessions, hooks and a URL map (`service.lean`)": _without_lean_flask,
    "a match is evaluated once for all tags of a stream": _without_shared_matches,
}


def _app() -> Any:
    """Return the app with twenty rules, whose records stay in memory."""
    from tests.support.builders import Lines  # noqa: PLC0415 - as above

    from webhook.policy.loading import load  # noqa: PLC0415 - as above
    from webhook.service.app import Service, create_app  # noqa: PLC0415 - as above
    from webhook.service.metrics import Metrics  # noqa: PLC0415 - as above

    policy, metrics = load(_TWENTY), Metrics()
    return create_app(Service(lambda: policy, Lines(), metrics, "bench")), metrics


def _spent(bodies: Iterable[tuple[str, bytes, int]]) -> list[float]:
    """Return the microseconds of CPU that the app takes for each body."""
    app, metrics = _app()
    common = {
        "SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "1", "wsgi.version": (1, 0), "wsgi.url_scheme": "https",
        "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": True, "wsgi.run_once": False,
        "REQUEST_METHOD": "POST", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json",
    }  # fmt: skip
    found = []
    for path, body, reviews in bodies:
        given = {**common, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body))}
        for _ in range(2):
            started = time.process_time()
            for _ in range(reviews):
                b"".join(app({**given, "wsgi.input": io.BytesIO(body)}, lambda *_: None))
            taken = time.process_time() - started
            metrics.flush()
        found.append(taken / reviews * 1e6)
    return found


_BODIES: Final = (
    ("/validate", plain(), 4_000),
    ("/validate", layers(50), 3_000),
    ("/validate", stream(100, 100), 200),
)


@click.command()
@click.option("--rounds", default=7, show_default=True)
@click.option("--without", default="", help="Measure in this process, without the optimisation of this number.")
@click.option("--write", is_flag=True, help="Write the table to docs/performance.md.")
def main(rounds: int, without: str, *, write: bool) -> None:
    """Print how much more a review costs without each optimisation."""
    if without:
        if without != "none":
            list(_OPTIMISATIONS.values())[int(without)]()
        click.echo(json.dumps(_spent(_BODIES)))
        return
    names = ["none", *map(str, range(len(_OPTIMISATIONS)))]
    measured: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, "-m", "tools.bench_optimisations", "--without", name]
            measured[name].append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    least = {name: [min(column) for column in zip(*rows, strict=True)] for name, rows in measured.items()}
    lines = [
        "| optimisation | `oc tag`: saves | PUT, 50 layers: saves | edit of 100 tags: saves |",
        "|---|--:|--:|--:|",
    ]
    for number, title in enumerate(_OPTIMISATIONS):
        saved = [1 - base / left_out for base, left_out in zip(least["none"], least[str(number)], strict=True)]
        lines.append(f"| {title} | " + " | ".join(f"{each:.0%}" for each in saved) + " |")
    click.echo("\n".join(lines))
    if write:
        figures.put(figures.PERFORMANCE, "optimisations", lines)


if __name__ == "__main__":
    main()
