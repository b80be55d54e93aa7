"""The characters that the values of a glob can have, and the advice for a pattern that matches none."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webhook.text import quoted


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice for a pattern that is a known mistake.

    Attributes:
        expression: the regular expression of such a pattern.
        reason: why the pattern matches nothing, a clause.
        write: returns what to write instead for the match; None if there is no suggestion.
    """

    expression: str
    reason: str
    write: Callable[[re.Match[str]], str] | None = None


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The values of one kind, and the patterns that can match at least one of them.

    Attributes:
        noun: the name of the kind, for messages.
        allowed: the characters of a pattern, for messages.
        inner: the characters of a value, as the inside of a character class.
        grammar: the regular expression of a pattern, for the JSON Schema too; Python and ECMA-262 share its syntax.
        separator: the separator of the segments, "" if values have no segments.
        longest: the maximum number of characters of a value, 0 for no limit.
        advice: mistakes that deserve a better message than the invalid character.
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
        """The regular expression of a name: a pattern without stars."""
        return rf"^(?![\s\S]*\*)(?:{self.grammar})$"

    def holds(self, pattern: str) -> bool:
        """Whether `pattern` can match a value of the kind."""
        return re.fullmatch(self.grammar, pattern) is not None

    def fault(self, pattern: str) -> str:
        """Return why `pattern` matches no value of the kind and what to write instead, "" if it can match."""
        if self.holds(pattern):
            return ""
        if not pattern:
            return "expected a glob, got an empty string"
        reason, write = self._reason(pattern)
        expected = f"expected {self.allowed}" + (f"; write {write}" if write else "")
        return f"{quoted(pattern)} matches no {self.noun}: {reason}; {expected}"

    def fault_of_name(self, name: str) -> str:
        """Return why `name` is not the name of a value of the kind, "" if it is."""
        if "*" in name:
            return f"{quoted(name)} is a pattern; expected the name itself"
        if not name:
            return f"expected the name of one {self.noun}, got an empty string"
        return self.fault(name) and f"{quoted(name)} is not a valid {self.noun}: {self._reason(name)[0]}"

    def _reason(self, pattern: str) -> tuple[str, str]:
        """Return the reason as a clause, and what to write instead, "" if there is no suggestion."""
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
            return f'"**" matches whole segments, and a {self.noun} has none'
        if self.longest and len(pattern.replace("*", "")) > self.longest:
            return f"it has more than {self.longest} characters"
        first, last = pattern[0], pattern[-1]
        if not first.isalnum() and self.holds(f"*{pattern.lstrip('*')}"):
            return f"it begins with {quoted(first)}"
        if not last.isalnum() and self.holds(f"{pattern.rstrip('*')}*"):
            return f"it ends with {quoted(last)}"
        return f"no {self.noun} has this form"


LONGEST: Final = 256  # characters of a pattern to give advice for; some expressions search from every position
_MOST: Final = 8  # alternatives to write out
_NOTATIONS: Final = tuple(
    (re.compile(expression), clause)
    for expression, clause in (
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
    """Return a clause that names the other pattern language of `text`, "" if it is a glob."""
    if len(text) > LONGEST:
        return ""
    return next((clause for expression, clause in _NOTATIONS if expression.search(text)), "")


def rewritten(text: str, valid: Callable[[str], bool], bad: str) -> tuple[str, ...]:
    """Return the globs that a pattern in another notation probably means, () if there are none.

    Args:
        text: the pattern.
        valid: whether a glob can match a value.
        bad: the expression of a character that is invalid in a glob of the kind.
    """
    if len(text) > LONGEST:
        return ()
    plain = _ANY.sub("*", text.removeprefix("^").removesuffix("$")) if notation(text) else text
    choices = _choices(_ESCAPE.sub(r"\1", plain))
    found = [next((each for each in _tries(choice, bad) if valid(each)), "") for choice in choices]
    return tuple(dict.fromkeys(found)) if all(found) else ()


def _choices(plain: str) -> list[str]:
    """Return the alternatives of a pattern, each as a pattern of its own."""
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
    """Return a glob and its corrections, the most similar first."""
    few = _STARS.sub("*", choice)
    lower = few.lower()
    starred = (_STARS.sub("*", re.sub(bad, "*", each)) for each in (few, lower))
    return (choice, few, choice.lower(), lower, lower.replace("_", "-"), *starred)
