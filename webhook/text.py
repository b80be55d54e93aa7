"""Text that users sent, made fit for a message, a warning, a log line or a record."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_UNPRINTABLE = re.compile(
    # C0, DEL, C1; line and paragraph separators; zero-width and bidirectional controls; lone surrogates.
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
# What stands before an "@" with a ":" in it is a user and a password, unless a digest follows: name:tag@sha256:….
_CREDENTIALS = re.compile(r'(?<![^\s/@"])[^\s/@":]*:[^\s/@"]*@(?![A-Za-z0-9+._-]+:[0-9a-fA-F]{32})')
_LONGEST = 160
_LONGEST_WORD = 64  # of a word for which a known one is sought: the search takes time by its square
_MOST = 8_192  # characters of a value that are looked at
_WIDEST = 4  # bytes of a character in UTF-8


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - two digits hold a byte


def printable(value: str) -> str:
    """Return `value` without credentials, and with every control, zero-width and bidirectional character escaped."""
    if value.isprintable() and "@" not in value:
        return value  # str.isprintable knows all that the pattern below does
    shown = _CREDENTIALS.sub("…@", value) if "@" in value else value
    return _UNPRINTABLE.sub(_escape, shown)


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


def counted(number: int, noun: str) -> str:
    """Return `number` with `noun`, an `s` behind it where there are none or several."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the one of `known` that is most like `word`, "" if none is much like it."""
    return next(iter(get_close_matches(word[:_LONGEST_WORD], list(known), n=1)), "")
