"""The objects of an OpenShift Template, with its parameters filled in as by `oc process`.

Source: openshift/library-go, pkg/template (templateprocessing and generator).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.documents.document import Path, written
from webhook.errors import MalformedReference
from webhook.reference import ImageReference
from webhook.resources.catalog import KINDS
from webhook.resources.objects import GROUP, VERSION
from webhook.text import printable, quoted

KIND: Final = "Template"
API_VERSIONS: Final = ("template.openshift.io/v1", "v1")
_STRING: Final = re.compile(r"\$\{([a-zA-Z0-9_]+?)\}")
_VALUE: Final = re.compile(r"\$\{\{([a-zA-Z0-9_]+)\}\}")
_SOURCES: Final = ("dockerImageRepository", "dockerImageReference")
_LARGEST: Final = 4 * 2**20  # characters of an object with its parameters; etcd accepts requests of 1.5 MiB


@dataclass(frozen=True, slots=True)
class Templated:
    """An object or a parameter of a template.

    Attributes:
        path: its path in the template.
        value: the object, with its parameters filled in.
        problem: why it cannot be evaluated, "" if it can.
        field: the field of the object with the problem.
    """

    path: str
    value: Any
    problem: str = ""
    field: str = ""


class Template:
    """A template, and the values of its parameters.

    Attributes:
        names: the parameters.
        problems: the parameters that require a value and lack one.
    """

    def __init__(self, value: Mapping[str, Any], given: Mapping[str, str]) -> None:
        """Read a template.

        Args:
            value: the Template.
            given: values from the user, by parameter.
        """
        self._objects: list[Any] = value["objects"]
        self._values: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self._empty: set[str] = set()
        self.problems: list[Templated] = []
        self.names: set[str] = set()
        for index, parameter in enumerate(_list(value.get("parameters"))):
            if isinstance(parameter, dict) and isinstance(name := parameter.get("name"), str):
                self._declare(name, parameter, given, f"parameters[{index}]")

    def _declare(self, name: str, parameter: Mapping[str, Any], given: Mapping[str, str], path: str) -> None:
        self.names.add(name)
        self._values[name] = given.get(name, _written(parameter.get("value")))
        if self._values[name]:
            return
        if parameter.get("generate"):
            self._missing[name] = "is generated and has no default"
        elif parameter.get("required") is True:
            self._missing[name] = "is required and has no default"
            self.problems.append(Templated(path, parameter, _sentence(name, self._missing[name])))
        else:
            self._empty.add(name)

    def objects(self) -> Iterator[Templated]:
        """Yield the objects."""
        for index, item in enumerate(self._objects):
            filling = _Filling(self._values, self._missing, self._empty)
            value = _grouped(filling.fill(_without_namespace(item), None))
            yield Templated(f"objects[{index}]", value, filling.problem, filling.field)


class _Filling:
    """Fills parameters into one object, and keeps the first reason why it cannot be evaluated."""

    def __init__(self, values: Mapping[str, str], missing: Mapping[str, str], empty: set[str]) -> None:
        self._values, self._missing, self._empty = values, missing, empty
        self._left = _LARGEST
        self.problem = self.field = ""

    def fill(self, value: Any, path: Path) -> Any:
        """Return `value`, from the path `path`, with its parameters filled in."""
        if isinstance(value, dict):
            return {self._key(key, path): self.fill(item, (path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        whole = _VALUE.fullmatch(value)
        if whole and whole[1] in self._values:
            return self._value(whole[1], path)
        return self._string(value, path)

    def _key(self, key: str, path: Path) -> str:
        return self._string(key, path) if "${" in key else key

    def _value(self, name: str, path: Path) -> Any:
        """Return the JSON value of `${{NAME}}`."""
        if self._needs(name, path):
            return None
        text = self._values[name]
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            self._fail(f"${{{{{name}}}}}: expected the parameter {name} to be JSON, got {quoted(text)}", path)
            return None

    def _string(self, text: str, path: Path) -> str:
        names = [name for name in _STRING.findall(text) if name in self._values]
        if any(self._needs(name, path) for name in names):
            return text
        self._left -= sum(len(self._values[name]) for name in names)
        if self._left < 0:
            self._fail(f"the object is larger than {_LARGEST} characters with its parameters", path)
            return text
        filled = _STRING.sub(lambda match: self._values.get(match[1], match[0]), text)
        empty = next((name for name in names if name in self._empty), "")
        if empty and _is_source(path) and not _is_reference(filled):
            self._fail(_sentence(empty, "has no default"), path)
        return filled

    def _needs(self, name: str, path: Path) -> bool:
        """Return whether a parameter has no value."""
        why = self._missing.get(name, "")
        if why:
            self._fail(_sentence(name, why), path)
        return bool(why)

    def _fail(self, problem: str, path: Path) -> None:
        if not self.problem:
            self.problem, self.field = problem, written(path)


def _sentence(name: str, why: str) -> str:
    return f"the parameter {printable(name)} {why}; set it with --param {printable(name)}=VALUE"


def _is_source(path: Path) -> bool:
    """Return whether `path` is that of an image reference."""
    if path is None:
        return False
    return path[1] in _SOURCES or (path[1] == "name" and path[0] is not None and path[0][1] == "from")


def _is_reference(text: str) -> bool:
    try:
        ImageReference.parse(text)
    except MalformedReference:
        return False
    return True


def _without_namespace(item: Any) -> Any:
    """Return an object without its namespace, unless it is a parameter, as the template service does."""
    metadata: Any = item.get("metadata") if isinstance(item, dict) else None
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    if not isinstance(namespace, str) or _STRING.search(namespace):
        return item
    return {**item, "metadata": {key: value for key, value in metadata.items() if key != "namespace"}}


def _grouped(item: Any) -> Any:
    """Return an object with its API group, which the template service adds to objects of old templates."""
    if isinstance(item, dict) and item.get("kind") in KINDS and item.get("apiVersion") == "v1":
        return {**item, "apiVersion": f"{GROUP}/{VERSION}"}
    return item


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _written(value: Any) -> str:
    """Return a parameter's default as text; the API server takes strings only."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
