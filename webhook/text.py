"""Makes text that users sent safe for a message, a warning, a log line or a record."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

# Characters outside printable ASCII are checked one at a time; all others pass at the speed of the pattern.
_SUSPECT: Final = re.compile(r"[^ -~]")
# Letters and marks that draw nothing, although Unicode puts them in a printable category
# (Unicode, DerivedCoreProperties.txt, Default_Ignorable_Code_Point).
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_TOKEN: Final = re.compile(r'[^\s"]+')
# An "@" that does not begin a digest. The text before the last one in a pull spec or URL is a user and a password.
_AT: Final = re.compile(r"@(?![A-Za-z0-9+._-]+:[0-9a-fA-F]{32}|sha(?:256|512):)")
_SCHEME: Final = re.compile(r"(?:[^:/@]*[^A-Za-z0-9+.:/@-])?[A-Za-z][A-Za-z0-9+.-]*://")
_LONGEST = 160
_LONGEST_WORD = 64  # characters of a word that is compared with the known ones; the search takes quadratic time
_MOST = 8_192  # characters of a value that are read
_WIDEST = 4  # bytes of a character in UTF-8
_BYTE: Final = 0x100
_PLANE: Final = 0x10000


def escaped(value: str) -> str:
    r"""Escape every character of `value` that does not show as itself.

    These are the characters that `str.isprintable` denies and those that draw nothing. The former are controls, format
    characters (bidirectional marks, tags), separators except the space, surrogates, private or unassigned code points.

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
    """Return `value` with `…` in place of each user and password before an `@`."""
    return value if has_no_credentials(value) else _TOKEN.sub(_bare, value)


def has_no_credentials(value: str) -> bool:
    """Return whether `value` certainly has no credentials: no `@`, or only that of a digest. This test is fast."""
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
    # `name@host` is a mail address, or an image name with an invalid digest.
    return f"{token[:begin]}…{token[at:]}" if scheme or ":" in token[:at] else token


def printable(value: str) -> str:
    """Return `value` escaped and without credentials."""
    return escaped(without_credentials(value))


def quoted(value: str, longest: int = _LONGEST) -> str:
    """Return `value` printable, in double quotes, cut to `longest` characters."""
    shown = printable(value[:_MOST])  # cut last, because credentials are only recognised as a whole
    return f'"{shown if len(shown) <= longest else shown[: longest - 1] + "…"}"'


def cut(value: str, size: int) -> str:
    """Return `value` in at most `size` bytes of UTF-8; an ellipsis marks a cut."""
    if len(value) * _WIDEST <= size:
        return value
    encoded = value.encode()
    if len(encoded) <= size:
        return value
    ellipsis = "…"
    return encoded[: size - len(ellipsis.encode())].decode(errors="ignore") + ellipsis


def more(number: int, *, unknown: bool = False) -> str:
    """Return the words for omitted items: `number` of them, or more than that if the total is `unknown`."""
    if unknown and number == 0:
        return "and more"
    return f"and {'more than ' if unknown else ''}{number:,} more"


def joined(texts: Iterable[str], total: int, separator: str, size: int, *, unknown: bool = False) -> str:
    """Join the first of `texts` in at most `size` bytes of UTF-8, followed by the number of omitted ones.

    The function reads only as many texts as fit, so the cost does not grow with their number.

    Args:
        texts: the texts to join; the first is cut if it does not fit.
        total: the number of texts.
        separator: the text between two of them.
        size: bytes; at least enough for the words of `more`.
        unknown: whether there are more than `total` texts.
    """
    if total == 1 and not unknown:
        return cut(next(iter(texts)), size)
    kept: list[str] = []
    left = size + len(separator)
    for text in texts:
        left -= len(text.encode()) + len(separator)
        kept.append(text)
        if left < 0:
            break
    if not unknown and left >= 0:
        return cut(separator.join(kept), size)
    room = size - len(separator) - len(more(total, unknown=unknown))
    while len(kept) > 1 and len(separator.join(kept).encode()) > room:
        kept.pop()
    return f"{cut(separator.join(kept), room)}{separator}{more(total - len(kept), unknown=unknown)}"


def counted(number: int, noun: str) -> str:
    """Return `number` and `noun`, with a plural `s` unless `number` is 1."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def address(host: str, port: int) -> str:
    """Return a host and a port as in a URL: an IPv6 address is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the word of `known` that is most like `word`, ignoring case; "" if none is similar."""
    folded = {each.casefold(): each for each in known}
    return next((folded[each] for each in get_close_matches(word[:_LONGEST_WORD].casefold(), folded, n=1)), "")
