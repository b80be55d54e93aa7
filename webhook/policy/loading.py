"""Loads policy files into a frozen Policy, and again if they change, or reports every error with its place."""

import json
import sys
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Final, NoReturn

from webhook.documents import yaml
from webhook.documents.document import Document
from webhook.documents.inputs import STANDARD_INPUT, SUFFIXES, walk
from webhook.errors import Fault, PolicyError
from webhook.files import Signature, signature
from webhook.policy.entries import API_VERSION, KIND, SPEC, Name, is_test
from webhook.policy.lint.checks import WarningName
from webhook.policy.policy import IMPLIED, Policy, RuleIndex
from webhook.rules.cluster import Schema
from webhook.schemas.containers import Items, Record, parse
from webhook.schemas.parameters import Choice
from webhook.text import quoted

POLICY: Final = Record(
    {
        "apiVersion": Choice(API_VERSION, required=True),
        "kind": Choice(KIND, required=True),
        "metadata": Record({"name": Name(required=True)}, lambda name: name, required=True),
        "spec": Record(
            {**SPEC, "ignore": Items(WarningName())},
            dict,
            docs={"ignore": "warnings of `policy validate` to ignore, by name"},
            needs=tuple(SPEC),
            required=True,
        ),
    },
    lambda metadata, spec, **_: (metadata, spec),
)


SHIPPED: Final = "default.yaml"
_LARGEST: Final = 8 * 2**20  # bytes; a ConfigMap holds one MiB


def load(*paths: Path) -> Policy:
    """Load the policy in files and directories (.yaml, .yml, .json); - is standard input, no path the shipped policy.

    Raises:
        PolicyError: with every fault.
    """
    texts, faults = _texts(paths)
    read_all = [yaml.read(where, text) for where, text in texts]
    documents = [document for found, _ in read_all for document in found if not is_test(document.value)]
    faults = [*faults, *chain.from_iterable(wrong for _, wrong in read_all)]
    parsed: list[tuple[Document, str, dict[str, Any]]] = []
    for document in documents:
        value, wrong = parse(POLICY, document)
        faults.extend(wrong)
        if value is not None:
            parsed.append((document, *value))
    if not documents and not faults:
        faults.append(Fault(", ".join(map(str, paths)), "", "expected an ImageTagPolicy document, got none"))
    faults.extend(_duplicates(documents))
    if faults:
        raise PolicyError(tuple(faults))
    entries = {part: tuple(chain.from_iterable(spec.get(part, ()) for _, _, spec in parsed)) for part in SPEC}
    rules = entries["rules"]
    if not any(isinstance(entry.rule, Schema) for entry in rules):
        rules = (IMPLIED, *rules)
    canonical = _canonical([document.value for document in documents])
    return Policy(
        ",".join(dict.fromkeys(name for _, name, _ in parsed)),
        f"sha256:{sha256(canonical.encode()).hexdigest()}",
        entries["exemptions"],
        entries["defaults"],
        rules,
        tuple(dict.fromkeys(chain.from_iterable(spec.get("ignore", ()) for _, _, spec in parsed))),
        RuleIndex.of(rules),
        tuple(texts),
        canonical,
    )


def shipped() -> str:
    """Return the text of the policy in this package."""
    return Path(__file__).with_name(SHIPPED).read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a policy document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://istag-webhook/v1/ImageTagPolicy.json",
        "title": "ImageTagPolicy",
        **POLICY.schema(),
    }


def sources(*paths: Path) -> list[Path]:
    """Return the files that `load` would read, in order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not _is_standard_input(path):
            walked = walk(str(path), SUFFIXES, _unlisted, hidden=False, deep=False)
            found += (Path(file) for file, _ in walked)
        else:
            found.append(path)
    return found


def _unlisted(error: OSError) -> NoReturn:
    raise error


def _texts(paths: tuple[Path, ...]) -> tuple[list[tuple[str, str]], list[Fault]]:
    """Return the names and texts of the files in `paths`, or the shipped policy for no paths, and every fault."""
    if not paths:
        return [(SHIPPED, shipped())], []
    texts: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            found = sources(path)
        except OSError as error:
            faults.append(_unreadable(path, error))
            continue
        if not found:
            faults.append(Fault(str(path), "", f"expected a file with one of {', '.join(SUFFIXES)}, got none"))
        for file in found:
            try:
                body = _body(file)
                if len(body) > _LARGEST:
                    faults.append(Fault(str(file), "", f"expected at most {_LARGEST} bytes"))
                    continue
                texts.append((str(file), body.decode("utf-8-sig")))
            except UnicodeDecodeError as error:
                faults.append(Fault(str(file), "", f"expected UTF-8; byte {error.start} is invalid"))
            except OSError as error:
                faults.append(_unreadable(file, error))
    return texts, faults


def _is_standard_input(path: Path) -> bool:
    return str(path) == STANDARD_INPUT


def _body(file: Path) -> bytes:
    """Return the content of a file; for a file above the limit, just enough to show that."""
    if _is_standard_input(file):
        return sys.stdin.buffer.read(_LARGEST + 1)
    with file.open("rb") as opened:
        return opened.read(_LARGEST + 1)


def _unreadable(path: Path, error: OSError) -> Fault:
    return Fault(str(path), "", f"cannot be read: {error.strerror}")


def _duplicates(documents: list[Document]) -> list[Fault]:
    """Return a fault for each duplicate name: messages, metrics and records identify an entry by its name only."""
    seen: dict[str, Fault] = {}
    faults: list[Fault] = []
    for document in documents:
        spec = document.value.get("spec") if isinstance(document.value, dict) else None
        for part in SPEC:
            entries = spec.get(part) if isinstance(spec, dict) else None
            for index, entry in enumerate(entries if isinstance(entries, list) else ()):
                name = entry.get("name") if isinstance(entry, dict) else None
                if not isinstance(name, str):
                    continue
                fault = document.fault(f"spec.{part}[{index}].name", "")
                if name in seen:
                    first = seen[name]
                    sentence = f"the name {quoted(name)} is already used by {first.path} in {first.place}"
                    faults.append(replace(fault, message=sentence))
                seen.setdefault(name, fault)
    return faults


def _canonical(values: list[Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


class PolicySource:
    """The last valid policy of some files; thread-safe."""

    def __init__(self, *paths: Path) -> None:
        """Load the policy.

        Raises:
            PolicyError: with every fault.
        """
        self._paths = paths
        self._signature = self._sign()
        self._current = load(*paths)
        self._rejected = False

    @property
    def current(self) -> Policy:
        """The last valid policy."""
        return self._current

    @property
    def rejected(self) -> bool:
        """Whether the files contain an invalid policy, so that an older policy is in use."""
        return self._rejected

    def refresh(self) -> bool:
        """Reload the policy if its files changed; return whether there is a new policy.

        Raises:
            PolicyError: with every fault, once for each change; the last valid policy stays in use.
        """
        found = self._sign()
        if found == self._signature:
            return False
        self._signature = found
        before = self._current.digest
        self._rejected = True
        self._current = load(*self._paths)
        self._rejected = False
        return self._current.digest != before

    def _sign(self) -> Signature:
        try:
            return signature(sources(*self._paths))
        except OSError as error:
            return ((str(error),),)
