"""The base of all warnings: a name, a documentation and one pure check."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from webhook.model.decision import Mode
from webhook.policy.entries import DefaultEntry, ExemptionEntry, RuleEntry


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The entries of a policy as written in its files, without the built-in rule `schema`.

    Attributes:
        exemptions: the exemptions, in order.
        defaults: the defaults, in order.
        rules: the rules, in order.
        keys: the keys of each entry in its file, by the name of the entry.
    """

    exemptions: tuple[ExemptionEntry, ...]
    defaults: tuple[DefaultEntry, ...]
    rules: tuple[RuleEntry, ...]
    keys: Mapping[str, Collection[str]]

    @property
    def enforced(self) -> tuple[RuleEntry, ...]:
        """The rules in mode `enforce`."""
        return tuple(entry for entry in self.rules if entry.mode is Mode.ENFORCE)


@dataclass(frozen=True, slots=True)
class Hit:
    """One occurrence of a warning.

    Attributes:
        entry: the name of the entry.
        path: the JSON path in the entry, "" for the entry as a whole.
        sentence: the problem, and how to fix it.
    """

    entry: str
    path: str
    sentence: str


class Lint(ABC):
    """A warning about a policy; the docstring of a subclass is the warning's documentation.

    Attributes:
        name: the name in kebab-case, as in `spec.ignore` and reports.
        remedy: how to fix it, one sentence in the imperative.
    """

    __slots__ = ()

    name: ClassVar[str]
    remedy: ClassVar[str]

    @abstractmethod
    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each occurrence of the warning in `policy`."""

    @classmethod
    def documentation(cls) -> str:
        """Return the meaning of the warning, in one line."""
        return " ".join((cls.__doc__ or "").split())
