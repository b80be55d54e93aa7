"""Whether uvloop is worth a dependency: compared with asyncio in the same run, into docs/performance.md: `make bench-report`.

uvloop would have to save 5 % of the CPU of a review or of a new connection. The server needs no change for it: the loop
comes from a policy that is set before the command begins.
"""

import os
import statistics
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
from tools import bench, bench_go, bench_peers, figures
from tools.bench_peers import Peer, Running

from webhook.certs.issuing import issue

_PORT: Final = bench_peers.PORT + 60
_COMMAND: Final = "from webhook.cli.main import main; main()"
_WITH_UVLOOP: Final = f"import asyncio, uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy()); {_COMMAND}"
_REVIEWS: Final = ("`oc tag`, allowed", "PUT, 100 layers")
_WORTH: Final = 0.95


def _peers(directory: Path, tools: Path) -> list[tuple[Peer, int]]:
    """Return our server on each loop."""
    found = []
    for number, (name, code) in enumerate((("asyncio", _COMMAND), ("uvloop", _WITH_UVLOOP))):
        port = _PORT + number
        peer = bench_peers.ours(directory, port, bench_go.TWENTY)
        python, _, _, *arguments = peer.command  # python -m webhook.cli ...
        command = [python, "-c", code, *arguments]
        found.append(
            (replace(peer, name=name, command=command, environment={"PYTHONPATH": str(tools / "uvloop")}), port)
        )
    return found


def measured(directory: Path, tools: Path, rounds: int, length: float) -> dict[str, tuple[list[float], list[float]]]:
    """Return the CPU milliseconds of each review and of a new connection, on asyncio and on uvloop, a value a round."""
    asked = {what: bench_go.asked()[what] for what in _REVIEWS}
    found: dict[str, tuple[list[float], list[float]]] = {
        what: ([], []) for what in (*asked, "a new connection with its first review")
    }
    plain = bench_go.asked()[_REVIEWS[0]]
    with ExitStack() as stack:
        servers: list[Running] = [
            stack.enter_context(bench_peers.run(peer, port, directory, bench_peers.reviews()))
            for peer, port in _peers(directory, tools)
        ]
        for server in servers:
            for each in asked.values():
                bench_go.cpu(server, directory, each, length / 2)  # warm
        for number in range(rounds):
            turn = list(enumerate(servers))[:: -1 if number % 2 else 1]
            for what, each in asked.items():
                for which, server in turn:
                    found[what][which].append(bench_go.cpu(server, directory, each, length)[0])
            for which, server in turn:
                found["a new connection with its first review"][which].append(
                    bench_go.connecting(server, directory, plain.body)
                )
    return found


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", "length", default=2.0, show_default=True, help="Seconds of a round.")
@click.option(
    "--tools", type=click.Path(path_type=Path, exists=True), default=bench_peers.ROOT / ".peers", show_default=True,
    help="Where uvloop is.",
)  # fmt: skip
@click.option("--write", is_flag=True, help="Write the table to docs/performance.md.")
def main(rounds: int, length: float, tools: Path, *, write: bool) -> None:
    """Measure, and print the table."""
    os.sched_setaffinity(0, {bench.CORES[-1]})
    with TemporaryDirectory() as name:
        directory = Path(name)
        issue(directory, ["localhost"])
        found = measured(directory, tools, rounds, length)
    lines = [
        f"{figures.machine()}; {rounds} rounds of {length:g} s, in turns; CPU milliseconds:",
        "",
        "| what | asyncio | uvloop | times asyncio, median and each round |",
        "|---|--:|--:|---|",
    ]
    for what, (asyncios, uvloops) in found.items():
        ratios = [there / here for here, there in zip(asyncios, uvloops, strict=True)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"| {what} | {statistics.median(asyncios):.3f} | {statistics.median(uvloops):.3f} "
            f"| {statistics.median(ratios):.2f}: {each} |"
        )
    lines += ["", f"uvloop would be worth a dependency at {_WORTH:g} times or less."]
    click.echo("\n".join(lines))
    if write:
        figures.put(figures.PERFORMANCE, "loops", lines)


if __name__ == "__main__":
    main()
