"""Fuzz for a while: `make fuzz`, or `python -m tools.fuzzing SECONDS [TARGET...]`.

Inputs that reach new code are kept in .fuzz/ for the next run; an input that fails is written to tests/data/corpus/,
where `make test` runs it from then on. `--keep` also puts the fewest short inputs that reach all code there.
"""

import argparse
import importlib
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import NoReturn

import atheris

_FOUND = Path(".fuzz")
_LONGEST = 2**16  # bytes of an input; a recorded review has up to 25,000
_KEPT = 2**10  # bytes of an input in the repository
_SECONDS = 20  # of one input: what takes longer burns


def _one(target: str, arguments: list[str]) -> NoReturn:
    """Hand one target to libFuzzer, which ends the process."""
    with atheris.instrument_imports(include=["webhook"]):
        fuzz = importlib.import_module("fuzz")
    changed = importlib.import_module("mutation").changed

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 - libFuzzer's seed makes a run repeatable
        made: bytes = changed(data, random, most=3) if random.random() < 0.5 else atheris.Mutate(data, longest)
        return made[:longest]

    options = {"custom_mutator": mutate} if target in fuzz.SEEDS else {}
    # libFuzzer starts itself again to merge, by a shell and by this name.
    atheris.Setup([shlex.join([sys.executable, *sys.argv[:3]]), *arguments], fuzz.TARGETS[target], **options)
    atheris.Fuzz()
    raise SystemExit(1)


def _run(target: str, *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "tools.fuzzing", "--one", target, *arguments], check=False).returncode


def _fuzz(target: str, seconds: int) -> bool:
    """Fuzz one target, and return whether nothing was found."""
    from tests.support import fuzz  # noqa: PLC0415 - the child imports it instrumented

    found, corpus = _FOUND / target, fuzz.CORPUS / target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for number, seed in enumerate(fuzz.seeds(target)):
            (Path(directory) / str(number)).write_bytes(seed)
        limits = (f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-timeout={_SECONDS}")
        told = (f"-artifact_prefix={corpus}{os.sep}", "-verbosity=0", "-print_final_stats=1")
        return _run(target, str(found), directory, *limits, *told) == 0


def _keep(target: str) -> bool:
    """Put the fewest short inputs that reach what was reached into the corpus."""
    from tests.support import fuzz  # noqa: PLC0415 - as above

    if target in fuzz.SEEDS:
        return True  # what is recorded reaches it, and is kept already
    return _run(target, "-set_cover_merge=1", f"-max_len={_KEPT}", str(fuzz.CORPUS / target), str(_FOUND / target)) == 0


def main() -> int:
    """Fuzz one target after the other; 1 where something was found."""
    from tests.support import fuzz  # noqa: PLC0415 - as above

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=int, help="for each target")
    parser.add_argument("targets", nargs="*", choices=[*fuzz.TARGETS, []], default=[], metavar="TARGET")
    parser.add_argument(
        "--keep", action="store_true", help="put the fewest inputs that reach everything into the corpus"
    )
    given = parser.parse_args()
    failed = []
    for target in given.targets or fuzz.TARGETS:
        sys.stderr.write(f"== {target}\n")
        if not _fuzz(target, given.seconds) or (given.keep and not _keep(target)):
            failed.append(target)
    sys.stderr.write(f"found something: {', '.join(failed)}; see tests/data/corpus/\n" if failed else "found nothing\n")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], sys.argv[3:])
    raise SystemExit(main())
