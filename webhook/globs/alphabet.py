"""What a glob's values can hold, and the advice for a pattern that can match none of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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


LONGEST: Final = 256  # characters of a pattern that is looked at: some of the expressions search from every place
_MOST: Final = 8  # alternatives that are written out
_NOTATIONS: Final = tuple(
    (re.compile(expression), said)
    for expression, said in (
        (r"^\^|\$$|\\[dDwWsSb.]|(?:^|[^.])\.[*+](?![A-Za-z0-9])", "it is a regular expression, and patterns are globs"),
        (r"\[[^\[\]]*\]", "globs have no character classes"),
        (r"\{[^{}]*\}|\([^()]*\)|\|", "globs have no alternatives"),
        (r"\?", 'only "*" is a wildcard'),
    )
)
_QUANTIFIER: Final = r"(?:[*+?]|\{[0-9,]+\})?"
_ANY: Final = re.compile(rf"\\[dDwWsS]{_QUANTIFIER}|\[[^\[\]]*\]{_QUANTIFIER}|\.[*+]\??")
_ESCAPE: Final = re.compile(r"\\(.)")
_GROUP: Final = re.compile(r"\((?:\?:)?([^(){}]*)\)|\{([^{}]*)\}")
_LEFT: Final = re.compile(r"\([^()]*\)|\{[^{}]*\}|\?")
_STARS: Final = re.compile(r"\*{2,}")


def notation(text: str) -> str:
    """Return which other language a pattern is written in, as a clause for a message, "" if in none."""
    if len(text) > LONGEST:
        return ""
    return next((said for expression, said in _NOTATIONS if expression.search(text)), "")


def rewritten(text: str, valid: Callable[[str], bool], bad: str) -> tuple[str, ...]:
    """Return globs for what a pattern seems to mean, () if there are none.

    Args:
        text: the pattern.
        valid: whether a glob can match something.
        bad: the expression for a character that no glob of the kind has.
    """
    if len(text) > LONGEST:
        return ()
    plain = _ANY.sub("*", text.removeprefix("^").removesuffix("$")) if notation(text) else text
    choices = _choices(_ESCAPE.sub(r"\1", plain))
    found = [next((each for each in _tries(choice, bad) if valid(each)), "") for choice in choices]
    return tuple(dict.fromkeys(found)) if all(found) else ()


def _choices(plain: str) -> list[str]:
    """Return what a pattern with alternatives stands for, each without them."""
    group = _GROUP.search(plain)
    if group is None:
        choices = plain.split("|")
    else:
        parts = group[1].split("|") if group[1] is not None else group[2].split(",")
        choices = [plain[: group.start()] + part + plain[group.end() :] for part in parts]
    if len(choices) > _MOST:
        choices = [_GROUP.sub("*", plain)]
    return [_LEFT.sub("*", choice) for choice in choices]


def _tries(choice: str, bad: str) -> tuple[str, ...]:
    """Return a glob and what else it may be meant to be, the nearest first."""
    few = _STARS.sub("*", choice)
    lower = few.lower()
    starred = (_STARS.sub("*", re.sub(bad, "*", each)) for each in (few, lower))
    return (choice, few, choice.lower(), lower, lower.replace("_", "-"), *starred)
