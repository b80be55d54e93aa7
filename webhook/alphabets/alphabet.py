"""The values that a pattern is for: which characters they hold, in what form, and how it is said of a pattern."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from webhook.alphabets.notation import LONGEST, notation, rewritten
from webhook.text import quoted


@dataclass(frozen=True, slots=True)
class Advice:
    """What to say of a pattern that is a mistake for something else.

    Attributes:
        expression: what such a pattern looks like.
        reason: why it matches nothing, a clause.
        write: what to write instead, of the match; None if nothing can be said.
    """

    expression: str
    reason: str
    write: Callable[[re.Match[str]], str] | None = None


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The values of one kind, and the patterns that can match one of them.

    Attributes:
        noun: what a value is called.
        allowed: what a pattern may be made of, for a message.
        inner: the characters of a value, as the inside of a class of a regular expression.
        grammar: the regular expression of a pattern, in what Python and ECMA-262 have in common: the JSON Schema
            holds the same.
        separator: what its segments are separated by, "" if it has none.
        longest: the most characters of a value, 0 if there is no limit.
        advice: mistakes that have a better message than the characters alone give.
    """

    noun: str
    allowed: str
    inner: str
    grammar: str
    separator: str = ""
    longest: int = 0
    advice: tuple[Advice, ...] = ()

    @property
    def expression(self) -> str:
        """The regular expression of a pattern, for a JSON Schema."""
        return f"^(?:{self.grammar})$"

    @property
    def expression_of_name(self) -> str:
        """The regular expression of one value that is named, which no star is part of."""
        return rf"^(?![\s\S]*\*)(?:{self.grammar})$"

    def holds(self, pattern: str) -> bool:
        """Whether a value of the kind can match `pattern`."""
        return re.fullmatch(self.grammar, pattern) is not None

    def fault(self, pattern: str) -> str:
        """Return why no value of the kind can match `pattern`, and what to write; "" if one can."""
        if self.holds(pattern):
            return ""
        if not pattern:
            return "expected a glob, got an empty string"
        reason, write = self._reason(pattern)
        expected = f"expected {self.allowed}" + (f"; write {write}" if write else "")
        return f"{quoted(pattern)} matches no {self.noun}: {reason}; {expected}"

    def fault_of_name(self, name: str) -> str:
        """Return why `name` is no value of the kind that can be named, "" if it is."""
        if "*" in name:
            return f"{quoted(name)} is a pattern; expected the name itself"
        if not name:
            return f"expected the name of one {self.noun}, got an empty string"
        return self.fault(name) and f"{quoted(name)} is no {self.noun}: {self._reason(name)[0]}"

    def _reason(self, pattern: str) -> tuple[str, str]:
        """Return a clause that says what is wrong, and what to write instead, "" if it cannot be said."""
        unwritten = f"[^*{re.escape(self.separator)}{self.inner}]"
        instead = " and ".join(map(quoted, rewritten(pattern, self.holds, unwritten)))
        for advice in self.advice if len(pattern) <= LONGEST else ():
            if found := re.search(advice.expression, pattern):
                return advice.reason, advice.write(found) if advice.write else instead
        return notation(pattern) or self._character(pattern, unwritten), instead

    def _character(self, pattern: str, unwritten: str) -> str:
        if wrong := re.search(unwritten, pattern):
            return f"it has {quoted(wrong[0])}"
        if not self.separator and "**" in pattern:
            return f'"**" matches whole segments, and no {self.noun} has any'
        if self.longest and len(pattern.replace("*", "")) > self.longest:
            return f"it has more than {self.longest} characters"
        first, last = pattern[0], pattern[-1]
        if not first.isalnum() and self.holds(f"*{pattern.lstrip('*')}"):
            return f"it begins with {quoted(first)}"
        if not last.isalnum() and self.holds(f"{pattern.rstrip('*')}*"):
            return f"it ends with {quoted(last)}"
        return f"no {self.noun} has this form"
