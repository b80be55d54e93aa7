"""Change the source a little, thousands of times, and see whether the tests notice: `make mutants`.

Or `python -m tools.mutants NAME...`: only those mutants (`webhook.rules.*`) are tried again, and the others stay as the last
run found them. `[tool.mutmut]` in pyproject.toml says what is changed, and which tests are run.

MUTANTS.md is rewritten: its figures, and the mutants that no test noticed, with the reasons that it already has.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from mutmut.mutation.diff_apply import get_diff_for_mutant

_WORK: Final = Path("mutants")  # mutmut's own name for it
_DOCUMENT: Final = Path("tests/MUTANTS.md")
_MUTMUT: Final = str(Path(sys.executable).parent / "mutmut")
_LEAST: Final = 90  # percent
_NOTICED: Final = ("killed", "timeout")  # a test that never ends says so too
_SAID: Final = re.compile(r"^ {4}(webhook\.\S+): (.+)$", re.MULTILINE)
_TABLE: Final = "| room |"
_SURVIVORS: Final = "\n## What no test notices\n"
# A function's heading, a reason, and the block of what it is the reason for.
_PIECE: Final = re.compile(
    r"^### `(?P<function>.+)`$|^```diff\n(?P<edits>(?:[-+] .*\n)+)```$|^(?P<reason>\S.*(?:\n\S.*)*)$", re.MULTILINE
)
_NO_REASON: Final = "No reason is given yet."
_GONE: Final = "(nothing)"


class Change(NamedTuple):
    """The change of a mutant, without its number, which any edit of the function shifts.

    Attributes:
        function: the function with its module, below `webhook`.
        before: the lines that it changes, as one.
        after: the new text; with the number of the mutant if another one is the same.
    """

    function: str
    before: str
    after: str


def _results() -> dict[str, str]:
    """Return what became of each mutant: killed, survived, timeout, no tests, or whatever else mutmut says."""
    command = (_MUTMUT, "results", "--all", "true")
    return dict(_SAID.findall(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def _change(mutant: str) -> Change:
    """Return what `mutant` changes: `webhook.rules.base.xǁRuleǁcheck__mutmut_7` is in `rules.base.Rule.check`."""
    module, _, name = mutant.rpartition(".")
    function = name.rpartition("__mutmut_")[0].removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    stem = module.replace(".", "/")
    path = next(path for path in (Path(f"{stem}.py"), Path(f"{stem}/__init__.py")) if path.exists())
    lines = get_diff_for_mutant(mutant, path=path).splitlines()[2:]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return Change(f"{module.removeprefix('webhook.')}.{function}", before, after or _GONE)


def _survivors(results: dict[str, str]) -> Iterator[Change]:
    """Yield what no test noticed."""
    seen: Counter[Change] = Counter()
    for mutant, said in results.items():
        if said not in _NOTICED:
            change = _change(mutant)
            seen[change] += 1
            notes = [said] * (said != "survived") + [str(seen[change])] * (seen[change] > 1)
            yield change._replace(after=f"{change.after}  # {', '.join(notes)}") if notes else change


def _reasons(document: str) -> dict[Change, str]:
    """Return the reason that the document gives for each mutant: it stands before the block that tells it."""
    found: dict[Change, str] = {}
    function = reason = before = ""
    for piece in _PIECE.finditer(document.partition(_SURVIVORS)[2]):
        function = piece["function"] or function
        reason = piece["reason"] or reason
        for line in (piece["edits"] or "").splitlines():
            if line.startswith("- "):
                before = line[2:]
            else:
                found[Change(function, before, line[2:])] = reason
    return found


def _figures(results: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the table, one a room, and all together."""
    rooms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for mutant, said in results.items():
        rooms[mutant.split(".")[1]][said] += 1
    yield f"{_TABLE} mutants | killed | timed out | survived | no tests | noticed |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for room, counts in (*sorted(rooms.items()), ("all", Counter(results.values()))):
        numbers = (counts.total(), counts["killed"], counts["timeout"], counts["survived"], counts["no tests"])
        yield f"| `{room}` | {' | '.join(f'{each:,}' for each in numbers)} | {_percent(counts):.1f} % |"


def _percent(counts: Counter[str]) -> float:
    return 100 * sum(counts[each] for each in _NOTICED) / counts.total()


def _document(head: str, figures: Iterable[str], reasons: dict[Change, str]) -> Iterator[str]:
    """Yield the pieces of the document: its head, which is left as it is, its figures, and the survivors."""
    yield head
    yield "\n".join(figures) + "\n"
    yield _SURVIVORS
    functions: defaultdict[str, defaultdict[str, defaultdict[str, list[str]]]]
    functions = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for change, reason in reasons.items():
        functions[change.function][reason][change.before].append(change.after)
    for function, families in sorted(functions.items()):
        yield f"\n### `{function}`\n"
        for reason, lines in families.items():
            yield f"\n{reason}\n\n```diff\n"
            for before, afters in lines.items():
                yield f"- {before}\n" + "".join(f"+ {after}\n" for after in afters)
            yield "```\n"


def main() -> int:
    """Run mutmut and write the document.

    Returns:
        1 where too little is noticed or a survivor has no reason, 2 where the run did not end.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try again; all, where absent")
    parser.add_argument("--report", action="store_true", help="run nothing: say what the last run found")
    given = parser.parse_args()
    if not given.report:
        if not given.names:
            shutil.rmtree(_WORK, ignore_errors=True)
        if subprocess.run([_MUTMUT, "run", "--max-children", "2", *given.names], check=False).returncode:
            return 2
    results = _results()
    if not results or "not checked" in results.values():
        sys.stderr.write("mutants: the run did not end; restart it: make mutants\n")
        return 2
    known, figures = _DOCUMENT.read_text(), list(_figures(results))
    reasons = _reasons(known)
    survivors = {change: reasons.get(change, _NO_REASON) for change in _survivors(results)}
    _DOCUMENT.write_text("".join(_document(known.partition(_TABLE)[0], figures, survivors)))
    sys.stdout.write("\n".join(figures) + "\n")
    unexplained = [change for change, reason in survivors.items() if reason == _NO_REASON]
    for function, before, after in unexplained:
        sys.stderr.write(f"{function}: no test notices\n- {before}\n+ {after}\n")
    noticed = _percent(Counter(results.values()))
    if noticed < _LEAST:
        sys.stderr.write(f"mutants: {noticed:.1f} % are noticed; expected {_LEAST} % at least\n")
    if unexplained:
        sys.stderr.write(f"mutants: {len(unexplained)} survivors have no reason; give them one in {_DOCUMENT.name}\n")
    return 1 if unexplained or noticed < _LEAST else 0


if __name__ == "__main__":
    raise SystemExit(main())
