"""Measure the queries of docs/how-to/query-records.md on many records, into docs/performance.md: `make bench-records`.

The records are real decisions (tests/support/trail.py), made by a process for each core. Each query runs in a process of
its own, so that its memory can be told. `records verify` and `replay` read the same files.
"""

import gzip
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import click
from tests.support.trail import BEGIN, Pods, calls
from tools import figures
from tools.record_queries import SQL, queries

from webhook.certs.signing import make, signer

_NAME: Final = "bench-records"
_MILLION: Final = 1_000_000
_YEAR: Final = 100  # millions: what a large cluster records
_TEAMS: Final = 400
_DAY: Final = _YEAR * _MILLION / 365
_CALLS: Final = 1.5  # of webhooks for a request, on average
_SMALL: Final = 60  # records in a file, as of a pod that delivers each minute
_FILES: Final = 2_000
_PARQUET: Final = "CREATE OR REPLACE VIEW records AS FROM 'records.parquet';"
_QUERIES: Final = queries()
# Prints the seconds of a query; its process holds nothing but DuckDB.
_CHILD: Final = """
import sys, time, duckdb
views, query = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
connection.execute(views)
started = time.perf_counter()
connection.execute(query if query.startswith("COPY") else f"CREATE TEMP TABLE answer AS {query}")
print(time.perf_counter() - started)
"""


class Cost(NamedTuple):
    """The seconds of a process, its most memory in MiB, and its seconds of CPU."""

    seconds: float
    memory: float
    cpu: float


@click.group()
def main() -> None:
    """Measure, or be measured."""


@main.command(hidden=True)
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("key", type=click.Path(path_type=Path))
@click.argument("number", type=int)
@click.argument("part")
@click.argument("level")
def write(directory: Path, key: Path, number: int, part: str, level: str) -> None:
    """Write records as often as a large cluster does; `part` names the pods, and begins with the number of the batch."""
    cores = len(os.sched_getaffinity(0))
    begin = BEGIN + timedelta(days=int(part.partition("-")[0]) * number * cores / _DAY)
    pods = Pods(directory, signer(key), level, f"{part}-")
    made = pods.write(islice(calls(_TEAMS, begin, 86_400 / (_DAY / cores / _CALLS)), number))
    pods.end()
    pods.rotate()
    click.echo(made)


def _run(*command: str | Path, directory: Path, codes: Iterable[int] = (0,)) -> tuple[str, Cost]:
    """Run a command to its end; return what it printed, and what it cost."""
    started = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], cwd=directory, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise click.ClickException(f"{command}: exit code {process.returncode}")
    return printed, Cost(time.perf_counter() - started, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime)


def _queried(directory: Path, question: str, more: str = "") -> Cost:
    """Run a query in a process of its own, in `directory`; `more` is SQL after the views."""
    printed, cost = _run(sys.executable, "-c", _CHILD, SQL.read_text() + more, _QUERIES[question], directory=directory)
    return cost._replace(seconds=float(printed))


def _written(directory: Path, key: Path, number: int, batch: int, level: str = "metadata") -> None:
    """Write `number` records with a process for each core."""
    cores = len(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tools.bench_records", "write", str(directory), str(key), str(number // cores)]
    parts = [f"{batch}-{core}" for core in range(cores)]
    processes = [subprocess.Popen([*command, part, level], stdout=subprocess.PIPE, text=True) for part in parts]
    made = sum(int(process.communicate()[0]) for process in processes)
    assert made == number // cores * cores


def _sizes(files: Iterable[Path]) -> tuple[float, float]:
    """Return the bytes of a line in plain files, and in compressed ones."""
    plain, packed = [0, 0], [0, 0]
    for file in files:
        into, opened = (packed, gzip.open) if file.suffix == ".gz" else (plain, open)
        with opened(file, "rb") as lines:
            into[1] += sum(1 for _ in lines)
        into[0] += file.stat().st_size
    return plain[0] / plain[1], packed[0] / packed[1]


def _file_cost(directory: Path, lines: list[bytes]) -> float:
    """Return the milliseconds that a file more costs: the same lines in one file, and in many."""
    seconds = []
    for each in (len(lines), _SMALL):
        place = directory / f"of-{each}" / "records"
        place.mkdir(parents=True)
        for start in range(0, len(lines), each):
            (place / f"{start}.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[start : start + each]), 6))
        seconds.append(_queried(place.parent, "What was denied, and by which rule?").seconds)
    return (seconds[1] - seconds[0]) / (len(lines) / _SMALL) * 1_000


@main.command()
@click.option("--records", default=_MILLION, show_default=True, help="Records of which each query is measured.")
@click.option("--times", default=4, show_default=True, help="So many times as many show whether the cost is linear.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Write the figures into docs/performance.md.")
def measure(records: int, times: int, rounds: int, *, writes: bool) -> None:
    """Print the tables."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        lines = list(_measured(directory, records, times, rounds))
    click.echo("\n".join(lines))
    if writes:
        figures.put(figures.PERFORMANCE, _NAME, lines)


def _measured(directory: Path, records: int, times: int, rounds: int) -> Iterator[str]:
    per = records / _MILLION
    key, public = make(directory / "keys")
    small, large = directory / "small", directory / "large"
    for batch in range(times):
        _written((large if batch else small) / "records", key, records, batch)
    for file in (small / "records").rglob("*.jsonl*"):  # DuckDB does not follow symlinks to directories
        (large / "records" / f"first-{file.parent.name}-{file.name}").hardlink_to(file)
    _written(directory / "replay" / "records", key, records // 10, 0, "request")
    yield f"{figures.machine()}; the machine is shared. {records:,} records, median of {rounds} rounds:"
    yield from ("", "| query | s per million | MiB | s per million, Parquet |", "|---|--:|--:|--:|")
    json_, parquet = [dict[str, list[Cost]]() for _ in range(2)]
    *questions, export = _QUERIES
    for _ in range(rounds):
        for question in (*questions, export):
            json_.setdefault(question, []).append(_queried(small, question))
    for _ in range(rounds):
        for question in questions:
            parquet.setdefault(question, []).append(_queried(small, question, _PARQUET))
    median = {question: statistics.median(each.seconds for each in costs) / per for question, costs in json_.items()}
    quick = {question: statistics.median(each.seconds for each in costs) / per for question, costs in parquet.items()}
    for question, costs in json_.items():
        second = f"{quick[question]:.2f}" if question in quick else ""
        yield f"| {question} | {median[question]:.1f} | {max(each.memory for each in costs):,.0f} | {second} |"
    _, verified = _run(
        *_command("records", "verify", "--key", public, small / "records"), directory=directory, codes=(0,)
    )
    _, replayed = _run(
        *_command("replay", "--format", "json", "--output", os.devnull, directory / "replay" / "records"),
        directory=directory, codes=(0, 1),
    )  # fmt: skip
    yield f"| `records verify` | {verified.seconds / per:.1f} | {verified.memory:,.0f} | |"
    yield f"| `replay`, level `request`, of {records // 10:,} | {10 * replayed.seconds / per:.0f} | {replayed.memory:,.0f} | |"
    yield ""
    yield from _scaled(small, large, times)
    yield from _year(directory, small, records, (median, quick, export), verified.seconds / per)


def _command(*arguments: str | Path) -> tuple[str | Path, ...]:
    return (sys.executable, "-m", "webhook.cli", *arguments)


def _scaled(small: Path, large: Path, times: int) -> Iterator[str]:
    """Yield what so many times as many records cost, in CPU, as a busy machine makes seconds longer; they take turns."""
    *questions, export = _QUERIES
    for name, more in (("as JSON", ""), ("in Parquet", _PARQUET)):
        if not more:
            _queried(large, export)
        pairs = [(_queried(small, each, more), _queried(large, each, more)) for each in questions]
        ratio = statistics.median(many.cpu / one.cpu for one, many in pairs)
        memory = max(many.memory for _, many in pairs)
        yield f"- {times} times as many records take {ratio:.1f} times the CPU {name}, and up to {memory:,.0f} MiB."


def _year(
    directory: Path, small: Path, records: int, found: tuple[dict[str, float], dict[str, float], str], verified: float
) -> Iterator[str]:
    """Yield what the records of a year would cost, by these figures."""
    median, quick, export = found
    files = sorted((small / "records").rglob("*.jsonl*"))
    plain, packed = _sizes(files)
    stored = (small / "records.parquet").stat().st_size / records
    first = next(file for file in files if file.suffix == ".jsonl")
    lines = first.read_bytes().splitlines(keepends=True)
    lines = (lines * (_SMALL * _FILES // len(lines) + 1))[: _SMALL * _FILES]
    yield (
        f"- A record of level `metadata` has {plain:,.0f} bytes, {packed:,.0f} in gzip ({plain / packed:.0f} to 1), "
        f"{stored:,.0f} in Parquet."
    )
    yield f"- Each file adds {_file_cost(directory, lines):.1f} ms to a query, measured with {_FILES:,} files of {_SMALL} records."
    of = sorted(value for question, value in median.items() if question != export)
    rest = sorted(quick.values())
    yield (
        f"- **A year of a large cluster**, {_YEAR} million records, extrapolated on one such machine: a query takes "
        f"{of[0] * _YEAR / 60:.0f} to {of[-1] * _YEAR / 60:.0f} minutes as JSON. The conversion to Parquet takes "
        f"{median[export] * _YEAR / 60:.0f} minutes once, and then a query {rest[0] * _YEAR:.0f} to {rest[-1] * _YEAR:.0f} seconds. "
        f"`records verify` takes {verified * _YEAR / 60:.0f} minutes. On disk are {plain * _YEAR / 1_000:.0f} GB, "
        f"{packed * _YEAR / 1_000:.0f} GB in gzip, {stored * _YEAR / 1_000:.0f} GB in Parquet."
    )
    yield (
        f"- **Spread over an Indexed Job**, four pods with as many cores each convert them in "
        f"{median[export] * _YEAR / 60 / 4:.0f} minutes: extrapolated, as each file is read by one pod alone."
    )


if __name__ == "__main__":
    main()
