"""The files that a user names: single files, directories, standard input; and those that a search skips."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path, PurePath
from typing import Final

from webhook.documents.document import Document
from webhook.documents.reading import is_template, read
from webhook.errors import Fault

_ANYWHERE = "**/"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Globs of paths to exclude, with everything below them.

    A glob without a slash matches a name at any depth. A glob with a slash matches a path as reported, or relative to
    the searched directory. `*` also matches slashes.
    """

    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, globs: Iterable[str]) -> "Exclusion":
        """Return the exclusion for `globs`."""
        return cls(tuple(re.compile(translate(glob)) for each in globs for glob in _equivalents(each)))

    def takes(self, path: str, directory: str) -> bool:
        """Return whether `path` is excluded.

        Args:
            path: the path as reported.
            directory: the searched directory, "" if the user named the path itself.
        """
        if not self.patterns:
            return False
        shown = PurePath(path)
        whole = shown.as_posix()
        below = shown.relative_to(directory) if directory else shown
        names = {whole, below.as_posix(), shown.name}
        if not directory:  # its parents have not been checked
            names.update(parent.as_posix() for parent in shown.parents)
            names.update(parent.name for parent in shown.parents)
        return any(pattern.match(name) for pattern in self.patterns for name in names)


NO_EXCLUSION: Final = Exclusion(())


def _equivalents(glob: str) -> Iterator[str]:
    """Yield the equivalent globs of `glob`: `./a/`, `a/` and `a/**` are `a`; `**/a` is also `a` at the top."""
    bare = glob.removeprefix("./").removesuffix("/**").rstrip("/")
    yield bare
    if bare.startswith(_ANYWHERE):
        yield bare.removeprefix(_ANYWHERE)


SUFFIXES: Final = (".yaml", ".yml", ".json")
STANDARD_INPUT: Final = "-"
_GIT: Final = ".git"
_INTERNAL: Final = ".."  # `..data` and `..2026_01_31…` in a mounted ConfigMap


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input file, after reading.

    Attributes:
        name: the name as the user would write it.
        documents: its documents.
        faults: why it cannot be read, or not to the end.
        found: whether it was found in a directory, and may be unrelated.
        template: whether it is an unrendered template, such as one of a Helm chart, and cannot be read.
        excluded: whether it was skipped unread.
    """

    name: str
    documents: tuple[Document, ...] = ()
    faults: tuple[Fault, ...] = ()
    found: bool = False
    template: bool = False
    excluded: bool = False


def input_files(
    names: Iterable[str],
    suffixes: tuple[str, ...] = SUFFIXES,
    expected: str = "a review or a manifest",
    exclude: Iterable[str] = (),
) -> Iterator[InputFile]:
    """Yield the files in `names`, each read on demand.

    Directories are searched recursively for files that end in one of `suffixes`, in the order of their names. Hidden
    directories are included, except `.git`. Names that begin with two dots are excluded, because a mounted ConfigMap
    keeps its versions there. An empty file that the user named gets a fault that describes what was `expected`.
    """
    excluded = Exclusion.of(exclude)
    for name in names:
        if name == STANDARD_INPUT or not Path(name).is_dir():
            yield InputFile(name, excluded=True) if excluded.takes(name, "") else _read(name, expected)
            continue
        empty = True
        for path in _found(name, suffixes, excluded):
            empty = False
            yield path if isinstance(path, InputFile) else _read(path)
        if empty:
            yield _unusable(name, f"expected a file with one of {', '.join(suffixes)}, got none")


def _found(directory: str, suffixes: tuple[str, ...], exclusion: Exclusion) -> Iterator[str | InputFile]:
    """Yield the files of a directory, and the subdirectories that are unreadable or excluded."""
    unreadable: list[OSError] = []
    for path, excluded in walk(directory, suffixes, unreadable.append, exclusion=exclusion):
        yield InputFile(path, found=True, excluded=True) if excluded else path
    yield from (_failed(error.filename, error) for error in unreadable)


def walk(
    directory: str,
    suffixes: tuple[str, ...],
    failed: Callable[[OSError], object],
    *,
    hidden: bool = True,
    deep: bool = True,
    exclusion: Exclusion = NO_EXCLUSION,
) -> Iterator[tuple[str, bool]]:
    """Yield the files below a directory, in the order of their names, with whether they are excluded.

    The walk skips `.git` and names that begin with two dots, because a mounted ConfigMap keeps its versions there. It
    yields an excluded directory itself.

    Args:
        directory: the directory to search.
        suffixes: the suffixes of the files, ("",) for all files.
        failed: called with the error of each unreadable directory.
        hidden: whether to include hidden files and directories.
        deep: whether to search subdirectories; if not, they are yielded like files.
        exclusion: the exclusion.
    """
    skipped = _INTERNAL if hidden else "."
    for at, directories, files in os.walk(directory, onerror=failed):
        entered: list[str] = []
        for each in sorted(directories) if deep else ():
            path = os.path.join(at, each)  # noqa: PTH118 - keeps the beginning that the user wrote
            if exclusion.takes(path, directory):
                yield path, True
            elif not each.startswith(skipped) and each != _GIT:
                entered.append(each)
        named = files if deep else [*files, *directories]
        directories[:] = entered
        for file in sorted(named):
            if file.endswith(suffixes) and not file.startswith(skipped):
                path = os.path.join(at, file)  # noqa: PTH118 - as above
                yield path, exclusion.takes(path, directory)


def expand(names: Iterable[str], faults: list[Fault]) -> list[Path | None]:
    """Return the files in `names`, None for standard input; a directory means its files, except hidden ones.

    The files are sorted by name, so the order of the arguments does not change a report.

    Args:
        names: files, directories, `-`.
        faults: receives a fault for each unreadable directory.
    """

    def failed(error: OSError) -> None:
        faults.append(Fault(error.filename, "", f"cannot be read: {error.strerror}"))

    found: dict[str, Path | None] = {}
    for name in names:
        if name == STANDARD_INPUT:
            found[name] = None
        elif Path(name).is_dir():
            files = (Path(file) for file, _ in walk(name, ("",), failed, hidden=False))
            found |= {str(file): file for file in files if file.is_file()}
        else:
            found[str(Path(name))] = Path(name)
    return [found[name] for name in sorted(found)]


def _read(name: str, expected: str = "") -> InputFile:
    """Read a file: one that the user named, if something is `expected` of it, or one that was found."""
    found = not expected
    try:
        body = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        return _failed(name, error)
    if not body.strip():
        return InputFile(name, found=True) if found else _unusable(name, f"expected {expected}, got nothing")
    documents, faults = read(name, body)
    return InputFile(name, tuple(documents), tuple(faults), found, template=bool(faults) and is_template(body))


def _failed(name: str, error: OSError) -> InputFile:
    return _unusable(name, f"cannot be read: {error.strerror}")


def _unusable(name: str, message: str) -> InputFile:
    return InputFile(name, faults=(Fault(name, "", message),))
