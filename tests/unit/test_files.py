"""Files are written whole or not at all, and several of them together."""

import os
import stat
from pathlib import Path

import pytest

from webhook.files import NewFile, atomic, write_all


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_written_with_their_permissions(tmp_path: Path) -> None:
    """Each file has its content and its permissions, less those of the umask; missing directories are made."""
    umask = os.umask(0o027)
    try:
        write_all(
            [NewFile(tmp_path / "a" / "b" / "key", b"k", 0o600), NewFile(tmp_path / "run", b"r", 0o777)], replace=False
        )
    finally:
        os.umask(umask)
    key, run = tmp_path / "a" / "b" / "key", tmp_path / "run"
    assert [(path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) for path in (key, run)] == [
        (b"k", 0o600),
        (b"r", 0o750),
    ]
    assert (_names(tmp_path), _names(key.parent)) == (["a", "run"], ["key"])


@pytest.mark.parametrize("there", [b"", b"mine"])
def test_a_file_that_exists_is_kept(there: bytes, tmp_path: Path) -> None:
    """Without `replace` a file that exists is named by the error, and the others are not written."""
    (tmp_path / "b").write_bytes(there)
    with pytest.raises(FileExistsError) as error:
        write_all([NewFile(tmp_path / "new" / "a", b"1"), NewFile(tmp_path / "b", b"2")], replace=False)
    assert error.value.filename == str(tmp_path / "b")
    assert (_names(tmp_path), (tmp_path / "b").read_bytes()) == (["b"], there)


def test_what_was_replaced_is_restored(tmp_path: Path) -> None:
    """If a later file cannot be written, an earlier one has its content, permissions and target again."""
    (tmp_path / "key").write_text("old")
    (tmp_path / "key").chmod(0o640)
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "directory").mkdir()
    files = [NewFile(tmp_path / name, b"new") for name in ("key", "link", "made", "directory")]
    with pytest.raises(IsADirectoryError) as error:
        write_all(files, replace=True)
    assert error.value.filename == str(tmp_path / "directory")
    assert _names(tmp_path) == ["directory", "key", "link"]
    assert ((tmp_path / "key").read_text(), stat.S_IMODE((tmp_path / "key").stat().st_mode)) == ("old", 0o640)
    assert (tmp_path / "link").readlink() == Path("nowhere")
    write_all(files[:3], replace=True)
    assert [(tmp_path / name).read_text() for name in ("key", "link", "made")] == ["new"] * 3
    assert not (tmp_path / "nowhere").exists()
    assert _names(tmp_path) == ["directory", "key", "link", "made"]


def test_the_same_file_twice(tmp_path: Path) -> None:
    """A file that is named twice is not overwritten by the second."""
    with pytest.raises(FileExistsError):
        write_all([NewFile(tmp_path / "a", b"1"), NewFile(tmp_path / "a", b"2")], replace=False)
    assert _names(tmp_path) == []


def test_a_text_that_is_broken_off(tmp_path: Path) -> None:
    """A failed write leaves the old file, and no other file."""
    (tmp_path / "report").write_text("old")

    def fail() -> None:
        with atomic(tmp_path / "report") as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (_names(tmp_path), (tmp_path / "report").read_text()) == (["report"], "old")
    with atomic(tmp_path / "report") as file:
        file.write("new")
    assert (_names(tmp_path), (tmp_path / "report").read_text()) == (["report"], "new")
