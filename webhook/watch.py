"""Tells when files have changed, by asking: a mounted ConfigMap or Secret is swapped under its symlink."""

import os
from collections.abc import Iterable
from pathlib import Path

Signature = tuple[tuple[str, ...], ...]


def signature(paths: Iterable[Path]) -> Signature:
    """Return what is equal for as long as `paths` are the same files with the same contents, as far as stat tells."""
    return tuple(_one(path) for path in paths)


def _one(path: Path) -> tuple[str, ...]:
    try:
        found = path.stat()
        return (str(path), os.path.realpath(path), *map(str, (found.st_ino, found.st_mtime_ns, found.st_size)))
    except OSError as error:
        return (str(path), error.strerror or str(error))
