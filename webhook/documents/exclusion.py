"""The files that a user excludes from a search, by globs."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import PurePath
from typing import Final

_ANYWHERE = "**/"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Globs of paths that are excluded, with everything below them.

    A glob without a slash matches a name at any depth. A glob with one matches a path as it is reported, or the path
    below the directory that is searched. `*` matches slashes too.
    """

    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, globs: Iterable[str]) -> "Exclusion":
        """Return what `globs` exclude."""
        return cls(tuple(re.compile(translate(glob)) for given in globs for glob in _meant(given)))

    def takes(self, path: str, directory: str) -> bool:
        """Return whether `path` is excluded.

        Args:
            path: as it is reported.
            directory: the directory that is searched, "" if the path was named.
        """
        if not self.patterns:
            return False
        shown = PurePath(path)
        whole = shown.as_posix()
        below = shown.relative_to(directory) if directory else shown
        names = {whole, below.as_posix(), shown.name}
        if not directory:  # nobody has looked at what is above it
            names.update(parent.as_posix() for parent in shown.parents)
            names.update(parent.name for parent in shown.parents)
        return any(pattern.match(name) for pattern in self.patterns for name in names)


NO_EXCLUSION: Final = Exclusion(())


def _meant(glob: str) -> Iterator[str]:
    """Yield the globs that `glob` stands for: `./a/`, `a/` and `a/**` are `a`; `**/a` is `a` at the top too."""
    bare = glob.removeprefix("./").removesuffix("/**").rstrip("/")
    yield bare
    if bare.startswith(_ANYWHERE):
        yield bare.removeprefix(_ANYWHERE)
