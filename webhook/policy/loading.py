"""Policy documents become a frozen Policy, or every error with its file, line and path."""

import json
import sys
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, Final

from webhook.documents import yaml
from webhook.documents.document import Document
from webhook.documents.files import STANDARD_INPUT
from webhook.errors import Fault, PolicyError
from webhook.model.decision import Mode
from webhook.policy.entries import (
    API_VERSION,
    DEFAULT,
    EXEMPTION,
    KIND,
    RULE,
    DefaultEntry,
    ExemptionEntry,
    Name,
    RuleEntry,
)
from webhook.policy.index import RuleIndex
from webhook.policy.lint.catalogue import WarningName
from webhook.rules.cluster import Schema
from webhook.schemas.containers import Items, Record, parse
from webhook.schemas.parameters import Choice
from webhook.text import quoted

SPEC: Final = {"exemptions": Items(EXEMPTION), "defaults": Items(DEFAULT), "rules": Items(RULE)}
POLICY: Final = Record(
    {
        "apiVersion": Choice(API_VERSION, required=True),
        "kind": Choice(KIND, required=True),
        "metadata": Record({"name": Name(required=True)}, lambda name: name, required=True),
        "spec": Record(
            {**SPEC, "ignore": Items(WarningName())},
            dict,
            docs={"ignore": "warnings of `policy validate` that are not to be reported, by name"},
            needs=tuple(SPEC),
            required=True,
        ),
    },
    lambda metadata, spec, **_: (metadata, spec),
)


SHIPPED: Final = "default.yaml"
TEST_KIND: Final = "ImageTagPolicyTest"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_LARGEST: Final = 8 * 2**20  # bytes; a ConfigMap holds one MiB
_IMPLIED: Final = RuleEntry("schema", Schema(), Mode.ENFORCE, Mode.AUDIT)  # of a policy that has no rule of that kind


@dataclass(frozen=True, slots=True)
class Policy:
    """What a platform team decided.

    Attributes:
        name: the names of its documents.
        digest: SHA-256 of its canonical form, `sha256:` and 64 hexadecimal digits.
        ignore: the names of the warnings that are not to be reported.
        index: its rules, by what they evaluate.
        texts: the names and texts of its files.
    """

    name: str
    digest: str
    exemptions: tuple[ExemptionEntry, ...]
    defaults: tuple[DefaultEntry, ...]
    rules: tuple[RuleEntry, ...]
    ignore: tuple[str, ...]
    index: RuleIndex = field(repr=False, compare=False)
    texts: tuple[tuple[str, str], ...] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}@{self.digest[:19]}"  # as much of the digest as a person compares

    @property
    def written(self) -> tuple[RuleEntry, ...]:
        """The rules that its documents have; the rule `schema` is evaluated without an entry too."""
        return tuple(entry for entry in self.rules if entry.rule is not _IMPLIED.rule)

    def for_stored_streams(self) -> "Policy":
        """Return the policy by which a scan evaluates what nobody changes.

        Each rule evaluates what exists in its own `mode`, as if it were set now: `existing` says what an edit of
        something else may be troubled with. No exemption holds, for it exempts who asks, and nobody does.
        """
        rules = tuple(replace(entry, existing=entry.mode) for entry in self.rules)
        return replace(self, exemptions=(), rules=rules, index=RuleIndex.of(rules))


def load(*paths: Path) -> Policy:
    """Load the policy in files and directories (.yaml, .yml, .json; - is standard input), without any the shipped one.

    Raises:
        PolicyError: with every fault.
    """
    given, faults = _texts(paths)
    read_all = [yaml.read(where, text) for where, text in given]
    documents = [document for found, _ in read_all for document in found if not is_test(document.value)]
    faults = [*faults, *chain.from_iterable(wrong for _, wrong in read_all)]
    parsed: list[tuple[Document, str, dict[str, Any]]] = []
    for document in documents:
        understood, wrong = parse(POLICY, document)
        faults.extend(wrong)
        if understood is not None:
            parsed.append((document, *understood))
    if not documents and not faults:
        faults.append(Fault(", ".join(map(str, paths)), "", "expected an ImageTagPolicy document, got none"))
    faults.extend(_twice(documents))
    if faults:
        raise PolicyError(tuple(faults))
    entries = {part: tuple(chain.from_iterable(spec.get(part, ()) for _, _, spec in parsed)) for part in SPEC}
    rules = entries["rules"]
    if not any(isinstance(entry.rule, Schema) for entry in rules):
        rules = (_IMPLIED, *rules)
    return Policy(
        ",".join(dict.fromkeys(name for _, name, _ in parsed)),
        _digest([document.value for document in documents]),
        entries["exemptions"],
        entries["defaults"],
        rules,
        tuple(dict.fromkeys(chain.from_iterable(spec.get("ignore", ()) for _, _, spec in parsed))),
        RuleIndex.of(rules),
        tuple(given),
    )


def is_test(value: Any) -> bool:
    """Whether a document is a test of policies, which stands beside them and is no part of any."""
    return isinstance(value, dict) and value.get("kind") == TEST_KIND


def shipped() -> str:
    """Return the text of the policy that comes with the package."""
    return (files("webhook.policy") / SHIPPED).read_text()


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a policy document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://istag-webhook/v1/ImageTagPolicy.json",
        "title": "ImageTagPolicy",
        **POLICY.schema(),
    }


def sources(*paths: Path) -> list[Path]:
    """Return the files that `load` would read, in their order."""
    return [
        file
        for path in paths
        for file in (
            sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES and not each.name.startswith("."))
            if path.is_dir() and not _is_standard_input(path)
            else [path]
        )
    ]


def _texts(paths: tuple[Path, ...]) -> tuple[list[tuple[str, str]], list[Fault]]:
    """Return names and texts of the files in `paths`, the shipped policy's where there are none, and every fault."""
    if not paths:
        return [(SHIPPED, shipped())], []
    given: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            found = sources(path)
        except OSError as error:
            faults.append(_unreadable(path, error))
            continue
        if not found:
            faults.append(Fault(str(path), "", f"expected a file with one of {', '.join(_SUFFIXES)}, got none"))
        for file in found:
            try:
                body = _body(file)
                if len(body) > _LARGEST:
                    faults.append(Fault(str(file), "", f"expected {_LARGEST} bytes at most"))
                    continue
                given.append((str(file), body.decode("utf-8-sig")))
            except UnicodeDecodeError as error:
                faults.append(Fault(str(file), "", f"expected UTF-8: byte {error.start} is not"))
            except OSError as error:
                faults.append(_unreadable(file, error))
    return given, faults


def _is_standard_input(path: Path) -> bool:
    return str(path) == STANDARD_INPUT


def _body(file: Path) -> bytes:
    """Return what is in a file, of what is too large no more than shows it."""
    if _is_standard_input(file):
        return sys.stdin.buffer.read(_LARGEST + 1)
    with file.open("rb") as opened:
        return opened.read(_LARGEST + 1)


def _unreadable(path: Path, error: OSError) -> Fault:
    return Fault(str(path), "", f"cannot be read: {error.strerror}")


def _twice(documents: list[Document]) -> list[Fault]:
    """Return a fault for each name that two entries have: names stand alone in messages, metrics and records."""
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
                    sentence = f"the name {quoted(name)} is taken by {first.path} in {first.place}"
                    faults.append(replace(fault, message=sentence))
                seen.setdefault(name, fault)
    return faults


def _digest(values: list[Any]) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return f"sha256:{sha256(canonical.encode()).hexdigest()}"
