"""What a warning is: a frozen class with its name, its documentation and one pure check."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from webhook.model.decision import Mode
from webhook.policy.entries import DefaultEntry, ExemptionEntry, RuleEntry


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The entries of a policy as its files have them, without the rule `schema` that is always there.

    Attributes:
        exemptions: in their order.
        defaults: in their order.
        rules: in their order.
        keys: the keys that each entry has in its file, by the entry's name.
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
    """One place that a check found.

    Attributes:
        entry: the name of the entry.
        path: the JSON path in the entry, "" for the entry as a whole.
        sentence: the problem, and what to do.
    """

    entry: str
    path: str
    sentence: str


class Lint(ABC):
    """A warning about a policy; the docstring of a subclass is the warning's documentation.

    Attributes:
        name: the name in kebab-case, as `spec.ignore` and reports have it.
        remedy: what to do, one plain sentence in the imperative.
    """

    __slots__ = ()

    name: ClassVar[str]
    remedy: ClassVar[str]

    @abstractmethod
    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each place in `policy` that the warning is about."""

    @classmethod
    def documentation(cls) -> str:
        """Return what the warning means, in one line."""
        return " ".join((cls.__doc__ or "").split())
