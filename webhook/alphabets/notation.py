"""Other pattern languages, recognised in a glob that can match nothing, and rewritten as globs."""

import re
from collections.abc import Callable
from typing import Final

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
