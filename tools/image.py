"""Runs the Dockerfile without a container engine: each stage on an overlay of this machine's root.

`unshare --mount python image.py build DIRECTORY` runs the stages; `unshare --mount python image.py run DIRECTORY ETC`
starts the command of the last one, as a cluster does: any user, group 0, no capability, a root that is read only, a /tmp that
is not, and ETC mounted at /etc/istag-webhook. This machine's root replaces the base image, without the project itself.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from dockerfile_parse import DockerfileParser

ROOT: Final = Path(__file__).parents[1]
ANYBODY: Final = 1_234_567
# The base image's python3 is the first on its PATH; here it is the one that runs this.
_PYTHON: Final = Path(sys.base_exec_prefix) / "bin"
_PATH: Final = f"{_PYTHON}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOUNTED: Final = ("/proc", "/dev", "/sys")
_OPTION: Final = re.compile(r"--mount=(\S+)\s+")
_LOCKED: Final = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)(?: ; (.*?))? \\$", re.MULTILINE)


@dataclass
class Stage:
    """The result of a stage.

    Attributes:
        name: the name after AS, else its number.
        parameters: ENV and ARG, as a RUN sees them.
        labels: LABEL.
        user: USER.
        command: ENTRYPOINT and CMD.
        steps: what changes its files: RUN and COPY, each with the work directory that it has.
    """

    name: str
    parameters: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    environment: set[str] = field(default_factory=lambda: {"PATH"})
    labels: dict[str, str] = field(default_factory=dict)
    user: str = "1001"
    directory: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    steps: list[tuple[str, str, str]] = field(default_factory=list)

    def filled(self, text: str) -> str:
        """Return `text` with its variables filled in."""
        return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda found: self.parameters.get(found[1] or found[2], ""), text)

    @property
    def variables(self) -> dict[str, str]:
        """The environment that the image gives its command."""
        return {name: value for name, value in self.parameters.items() if name in self.environment}


def stages(text: str) -> list[Stage]:
    """Read a Dockerfile.

    Raises:
        ValueError: it has an instruction that is not known here.
    """
    found: list[Stage] = []
    for each in _instructions(text):
        kind, value = each["instruction"], each["value"]
        if kind == "FROM":
            found.append(Stage(value.partition(" AS ")[2] or str(len(found))))
        elif found:
            _take(found[-1], kind, value)
        elif kind != "ARG":
            raise ValueError(f"{kind} before FROM")
    return found


def _instructions(text: str) -> Iterator[dict[str, Any]]:
    parser = DockerfileParser(fileobj=_File(text), env_replace=False)
    return (each for each in parser.structure if each["instruction"] != "COMMENT")


class _File:
    """A text as the parser reads a file."""

    def __init__(self, text: str) -> None:
        self._lines = text.encode().splitlines(keepends=True)

    def seek(self, _offset: int) -> None:
        """Do nothing: all of it is read at once."""

    def readlines(self) -> list[bytes]:
        """Return every line."""
        return list(self._lines)


def _take(stage: Stage, kind: str, value: str) -> None:
    """Let one instruction change a stage."""
    match kind:
        case "ENV" | "LABEL" | "ARG":
            pairs = {name: stage.filled(text) for name, _, text in (part.partition("=") for part in shlex.split(value))}
            (stage.labels if kind == "LABEL" else stage.parameters).update(pairs)
            if kind == "ENV":
                stage.environment.update(pairs)
        case "RUN" | "COPY":
            stage.steps.append((kind, value, stage.directory))
        case "USER":
            stage.user = value
        case "WORKDIR":
            stage.directory = value
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(value)
        case "CMD":
            stage.arguments = json.loads(value)
        case "EXPOSE":
            pass
        case _:
            raise ValueError(f"{kind}: not known here")


def _layer(directory: Path, stage: Stage) -> Path:
    """Mount a stage's root, and return where: what it wrote so far, over this machine's root without the project."""
    upper, work, root = (directory / stage.name / part for part in ("written", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True, exist_ok=True)
    _mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", str(root))
    for mounted in _MOUNTED:
        _mount("--rbind", mounted, f"{root}{mounted}")
    _mount("-t", "tmpfs", "none", f"{root}{ROOT}")
    for parent in _PYTHON.parents:  # that Python may be in a home, which not everybody may enter
        inside = root / parent.relative_to("/")
        inside.chmod(inside.stat().st_mode | 0o555)
    return root


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def build(directory: Path) -> None:
    """Run every step of every stage."""
    roots: dict[str, Path] = {}
    for stage in stages((ROOT / "Dockerfile").read_text()):
        root = roots[stage.name] = _layer(directory, stage)
        for kind, value, at in stage.steps:
            (root / at.lstrip("/")).mkdir(parents=True, exist_ok=True)
            print(f"{stage.name}: {kind} {value}", flush=True)  # noqa: T201 - the build's log
            if kind == "COPY":
                _copy(value, root, root / at.lstrip("/"), roots)
            else:
                _run(value, root, at, stage)


def _run(value: str, root: Path, at: str, stage: Stage) -> None:
    """Run a command in a stage's root; a cache is pip's own of this machine."""
    for option in _OPTION.findall(value):
        wanted = dict(part.split("=") for part in option.split(","))
        assert wanted["type"] == "cache", option
        target = root / wanted["target"].lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        cache = subprocess.run(
            [sys.executable, "-m", "pip", "cache", "dir"], stdout=subprocess.PIPE, text=True, check=True
        )
        Path(cache.stdout.strip()).mkdir(parents=True, exist_ok=True)
        _mount("--bind", cache.stdout.strip(), str(target))
    command = f"cd {shlex.quote(at)} && {_OPTION.sub('', value)}"
    # pip's own settings of this machine say where packages come from
    settings = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    subprocess.run(["chroot", root, "/bin/sh", "-c", command], env={**settings, **stage.parameters}, check=True)


def _copy(value: str, root: Path, at: Path, roots: dict[str, Path]) -> None:
    """Copy from another stage, or from what .dockerignore leaves of the project."""
    options = [word for word in value.split() if word.startswith("--")]
    *sources, target = (word for word in value.split() if not word.startswith("--"))
    for source in sources:
        if options:
            (option,) = options
            origin = roots[option.removeprefix("--from=")] / source.lstrip("/")
        else:
            assert f"!{source}" in ignored(), f"{source} is not in the build's context"
            origin = ROOT / source
        place = root / target.lstrip("/") if target.startswith("/") else at / target
        if origin.is_dir():
            shutil.copytree(
                origin, place, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_patterns(options))
            )
        else:
            place = place / origin.name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, place)


def ignored() -> list[str]:
    """Return the lines of .dockerignore."""
    return (ROOT / ".dockerignore").read_text().split()


def locked(name: str) -> dict[str, tuple[str, str]]:
    """Return each library of a lock with its version and its marker, "" for every machine."""
    return {library: (version, marker) for library, version, marker in _LOCKED.findall((ROOT / name).read_text())}


def _patterns(options: list[str]) -> list[str]:
    """Return the names that are not copied from a directory of the context."""
    return [] if options else [line.removeprefix("**/") for line in ignored() if fnmatch.fnmatch(line, "[*][*]/*")]


def run(directory: Path, etc: Path) -> NoReturn:
    """Become the command of the last stage."""
    stage = stages((ROOT / "Dockerfile").read_text())[-1]
    root = _layer(directory, stage)
    mounted = root / "etc" / "istag-webhook"
    mounted.mkdir(exist_ok=True)
    _mount("--bind", str(etc), str(mounted))
    _mount("-o", "remount,ro", str(root))
    _mount("-t", "tmpfs", "none", str(root / "tmp"))
    os.chroot(root)
    os.chdir(stage.directory)
    os.setgroups([])
    os.setgid(0)
    os.setuid(ANYBODY)
    given = {name: value for name, value in os.environ.items() if name.startswith("ISTAG_WEBHOOK_")}
    environment = {**stage.variables, **given}
    os.execvpe(stage.entrypoint[0], [*stage.entrypoint, *stage.arguments], environment)  # noqa: S606 - the image's command


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(Path(sys.argv[2]))
    else:
        run(Path(sys.argv[2]), Path(sys.argv[3]))
