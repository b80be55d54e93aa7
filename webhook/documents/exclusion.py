"""Globs of files that a search skips."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import PurePath
from typing import Final

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
