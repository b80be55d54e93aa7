"""The house's own rules, kept by the build."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_LINT = str(Path(sys.executable).with_name("lint-imports"))


def test_the_contracts_hold() -> None:
    """A room imports only what stands below it, and one library lives in one room."""
    done = subprocess.run([_LINT, "--no-cache"], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_contracts_would_notice(tmp_path: Path) -> None:
    """An import upwards and a library in another room break the build."""
    (tmp_path / "webhook").mkdir()
    for path in (_ROOT / "webhook").rglob("*.py"):
        copy = tmp_path / path.relative_to(_ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    text = tmp_path / "webhook" / "text.py"
    text.write_text(text.read_text() + "\nimport flask\nfrom webhook import app\n")
    (tmp_path / "pyproject.toml").write_text((_ROOT / "pyproject.toml").read_text())
    done = subprocess.run([_LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "A room imports only what stands below it BROKEN" in done.stdout
    assert "flask and werkzeug live in app BROKEN" in done.stdout


def test_importing_does_nothing() -> None:
    """Importing any room reads no file of a user, starts nothing and prints nothing."""
    rooms = [
        ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (_ROOT / "webhook").rglob("*.py")
        if path.name != "__main__.py"
    ]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import threading, " + ", ".join(rooms) + "; print(threading.active_count())"],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_no_key_is_tracked() -> None:
    """No key and no certificate is in the repository."""
    listed = subprocess.run(["git", "ls-files"], cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout
    assert [name for name in listed.splitlines() if name.endswith((".key", ".crt", ".pem"))] == []
