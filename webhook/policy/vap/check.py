"""What a rule kind says in CEL: a Check for each sentence, worded as the kind words it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webhook.resources.cel import literal

Says = Callable[[str], str]
HERE: Final = "\0"  # where a value goes in a sentence; no policy holds it


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence of a rule.

    Attributes:
        wrong: whether a tag, named by a variable of CEL, is not as it must be.
        says: what is said then.
        image: whether the variable is one of `variables.images`, and the tag its `of`.
        each: the strings of a tag that are evaluated one by one, instead of the tag: `k` in `wrong` and `says`.
        always: whether it is news whatever the tag was.
        before: whether the tag as it was, was not as it must be, where that is not asked as of the tag as it is.
    """

    wrong: Says
    says: Says
    image: bool = False
    each: Says | None = None
    always: bool = False
    before: Says | None = None


def sentence(field: str, text: str, *values: str) -> str:
    """Return the expression of a sentence: the field, a colon, and `text` with each HERE filled by an expression."""
    first, *rest = text.split(HERE)
    parts = [field, literal(f": {first}")]
    for value, after in zip(values, rest, strict=True):
        parts += [value, literal(after)]
    return " + ".join(part for part in parts if part != '""')


def at(name: str) -> Says:
    """Return the path of a field of a tag."""
    return lambda t: f'{t}.path + ".{name}"'
