"""What a denied user pasted, read back into the rules that said it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_RULE: Final = re.compile(r"\(rule (?P<name>[a-z0-9][-a-z0-9]*)(?P<end>\)|\.{3}|…)")
# What stands before the sentence: the client's and the API server's words, a severity of the record or of `check`.
_BEFORE: Final = re.compile(r"denied (?:the )?request: |\bWarning: |^[;\s]*|\b(?:enforce|warn|audit): ")
_FIELD: Final = re.compile(r"(?:^|\s)((?:tag|spec|status|metadata|image)\b[^\s:]*: .*)")


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of a rule.

    Attributes:
        rule: the rule's name; where the message was cut, as much of it as there is.
        sentence: the sentence before it, with the field.
        whole: whether the name is whole.
    """

    rule: str
    sentence: str
    whole: bool = True

    def candidates(self, names: Collection[str]) -> list[str]:
        """Return those of the rules `names` that can have said it."""
        return [name for name in names if name == self.rule or (not self.whole and name.startswith(self.rule))]


def read_message(text: str) -> list[Said]:
    """Return what the rules say in `text`, each once: whatever else stands there, and however its lines wrap."""
    said: list[Said] = []
    flat, start = " ".join(text.split()), 0
    for match in _RULE.finditer(flat):
        said.append(Said(match["name"], _sentence(flat[start : match.start()]), match["end"] == ")"))
        start = match.end()
    return list(dict.fromkeys(said))


def _sentence(before: str) -> str:
    """Return the sentence that ends `before`, without what the client and the API server put in front."""
    *_, last = _BEFORE.finditer(before)
    rest = before[last.end() :]
    field = _FIELD.search(rest)
    return (field[1] if field else rest).strip()
