"""The server only uses public parts of its libraries."""

import ast
import asyncio
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

from webhook import server

_MODULES = [importlib.import_module(f"webhook.server.{each.name}") for each in pkgutil.iter_modules(server.__path__)]
_OVERRIDDEN = {
    "_Application": {"load", "load_config", "run"},
    "_Arbiter": {"manage_workers"},
    "_Logs": {"info", "setup"},
    "Worker": {"run"},
    "Connection": {name for name in vars(asyncio.BufferedProtocol) if not name.startswith("_")}
    | {"connection_lost", "connection_made", "pause_writing", "resume_writing"},
}
_OF_LANGUAGE = {"__doc__", "__init__", "__module__", "__slots__"}


def _classes() -> list[type]:
    found = [each for module in _MODULES for _, each in inspect.getmembers(module, inspect.isclass)]
    ours = {each for each in found if each.__module__.startswith("webhook.server")}
    return sorted((each for each in ours if _foreign(each)), key=lambda each: each.__name__)


def _foreign(of: type) -> set[str]:
    """Return the names that a class has from libraries."""
    bases = [each for each in of.__mro__[1:] if each.__module__.split(".")[0] in ("asyncio", "gunicorn")]
    return {name for each in bases for name in vars(each)} - _OF_LANGUAGE


@pytest.mark.parametrize("of", _classes(), ids=lambda of: of.__name__)
def test_what_is_overridden(of: type) -> None:
    """Only public names are, and only those that the table has."""
    overridden = set(vars(of)) & _foreign(of)
    assert overridden == _OVERRIDDEN.get(of.__name__, overridden & _OVERRIDDEN["Connection"])
    assert not {name for name in overridden if name.startswith("_")}


def test_nothing_private_is_used() -> None:
    """No name with an underscore is read from anything but our own objects, nor imported."""
    found = []
    for module in _MODULES:
        assert module.__file__ is not None
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr != "__init__":
                mine = isinstance(node.value, ast.Name) and node.value.id in ("self", "super")
                found += [] if mine else [f"{module.__name__}:{node.lineno}: {node.attr}"]
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("webhook"):
                found += [f"{module.__name__}: {each.name}" for each in node.names if each.name.startswith("_")]
    assert found == []


def test_each_library_is_listed() -> None:
    """The docstring of the room says what is used of asyncio's loops and transports."""
    documented = server.__doc__ or ""
    used = set()
    for module in _MODULES:
        assert module.__file__ is not None
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in (
                "loop", "self._loop", "self._transport", "asyncio", "asyncio.get_running_loop()",
            ):  # fmt: skip
                used.add(node.attr)
    types = {"AbstractEventLoop", "BaseProtocol", "BaseTransport", "Task", "TimerHandle"}
    assert {name for name in used - types if f"`{name}`" not in documented} == set()
