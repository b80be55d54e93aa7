"""Text that users sent, made fit for a message, a warning, a log line or a record."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

# What is not printable ASCII is looked at one character at a time; the rest passes at the speed of the pattern.
_SUSPECT: Final = re.compile(r"[^ -~]")
# Letters and marks that draw nothing, though their category is one of printable characters
# (Unicode, DerivedCoreProperties.txt, Default_Ignorable_Code_Point).
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_TOKEN: Final = re.compile(r'[^\s"]+')
# An "@" that does not begin a digest: whatever precedes the last one in a pull spec or a URL is a user and a password.
_AT: Final = re.compile(r"@(?![A-Za-z0-9+._-]+:[0-9a-fA-F]{32}|sha(?:256|512):)")
_SCHEME: Final = re.compile(r"(?:[^:/@]*[^A-Za-z0-9+.:/@-])?[A-Za-z][A-Za-z0-9+.-]*://")
_LONGEST = 160
_LONGEST_WORD = 64  # of a word for which a known one is sought: the search takes time by its square
_MOST = 8_192  # characters of a value that are looked at
_WIDEST = 4  # bytes of a character in UTF-8
_BYTE: Final = 0x100
_PLANE: Final = 0x10000


def escaped(value: str) -> str:
    r"""Return `value` with every character escaped that does not show as itself.

    That is whatever `str.isprintable` denies (controls, formats such as bidirectional marks and tags, separators other
    than the space, surrogates, private and unassigned code points) and what draws nothing.

    Returns:
        `value`, with `\xNN`, `\uNNNN` or `\UNNNNNNNN` in place of each such character.
    """
    if value.isascii() and value.isprintable():
        return value
    return _SUSPECT.sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable() and not _INVISIBLE.match(character):
        return character
    code = ord(character)
    if code < _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _PLANE else f"\\U{code:08x}"


def without_credentials(value: str) -> str:
    """Return `value` with `…` in place of each user and password before an `@`, whatever the password holds."""
    return value if has_no_credentials(value) else _TOKEN.sub(_bare, value)


def has_no_credentials(value: str) -> bool:
    """Whether `value` has no `@`, or a digest's alone: most have none, so this is quick to tell."""
    if "@" not in value:
        return True
    return value.count("@") == value.count("@sha256:") or _AT.search(value) is None


def _bare(match: re.Match[str]) -> str:
    token = match.group()
    at = -1
    for found in _AT.finditer(token):
        at = found.start()
    if at < 0:
        return token
    scheme = _SCHEME.match(token, 0, at)
    begin = scheme.end() if scheme else 0
    # `name@host` is a mail address, or an image's name and a digest that is none.
    return f"{token[:begin]}…{token[at:]}" if scheme or ":" in token[:at] else token


def printable(value: str) -> str:
    """Return `value` escaped, and without credentials."""
    return escaped(without_credentials(value))


def quoted(value: str, longest: int = _LONGEST) -> str:
    """Return `value` printable, in double quotes, and cut at `longest` characters."""
    shown = printable(value[:_MOST])  # what is redacted must be seen whole, so the cut comes after
    return f'"{shown if len(shown) <= longest else shown[: longest - 1] + "…"}"'


def cut(value: str, size: int) -> str:
    """Return `value` in at most `size` bytes of UTF-8, ending in an ellipsis where it was cut."""
    if len(value) * _WIDEST <= size:
        return value
    encoded = value.encode()
    if len(encoded) <= size:
        return value
    ellipsis = "…"
    return encoded[: size - len(ellipsis.encode())].decode(errors="ignore") + ellipsis


def more(number: int, *, unknown: bool = False) -> str:
    """Return the words for what is left out: `number` things, or more than that."""
    if unknown and number == 0:
        return "and more"
    return f"and {'more than ' if unknown else ''}{number:,} more"


def joined(texts: Iterable[str], total: int, separator: str, size: int, *, unknown: bool = False) -> str:
    """Return the first of `texts` in at most `size` bytes of UTF-8, and how many are left out.

    Only as many are read as fit, so the cost does not grow with their number.

    Args:
        texts: what is joined; the first is cut if it does not fit alone.
        total: how many there are.
        separator: what is between two of them.
        size: bytes, enough for the words of `more`.
        unknown: whether there are more than `total`.
    """
    kept: list[str] = []
    left = size + len(separator)
    for text in texts:
        left -= len(text.encode()) + len(separator)
        kept.append(text)
        if left < 0:
            break
    if not unknown and (left >= 0 or total == 1):
        return cut(separator.join(kept), size)
    room = size - len(separator) - len(more(total, unknown=unknown))
    while len(kept) > 1 and len(separator.join(kept).encode()) > room:
        kept.pop()
    return f"{cut(separator.join(kept), room)}{separator}{more(total - len(kept), unknown=unknown)}"


def counted(number: int, noun: str) -> str:
    """Return `number` with `noun`, an `s` behind it where there are none or several."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the one of `known` that is most like `word`, whatever their case, "" if none is much like it."""
    folded = {each.casefold(): each for each in known}
    return next((folded[each] for each in get_close_matches(word[:_LONGEST_WORD].casefold(), folded, n=1)), "")
