"""Input of users is shown so that it cannot hide, move the cursor or reveal a password."""

import re
import sys
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import DIGEST

from webhook.text import escaped, printable, quoted

_DENIED = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
_ESCAPE = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U00[0-9a-f]{6}")


def _code(shown: str) -> int:
    return int(f"0x{shown[2:]}", 0)


@pytest.mark.slow
def test_every_code_point() -> None:
    """Every control, format, separator, surrogate, private and unassigned code point is escaped, but for the space."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        shown = printable(character)
        if category(character) in _DENIED and character != " ":
            assert _ESCAPE.fullmatch(shown), f"U+{code:04X}"
            assert _code(shown) == code
        else:
            assert shown == character or _code(shown) == code, f"U+{code:04X}"
        assert shown.isprintable(), f"U+{code:04X}"


@pytest.mark.parametrize(
    "character",
    ["\u200b", "\u202e", "\u2066", "\u00ad", "\u061c", "\u180e", "\ufff9", "\U000e0001", "\U000e0041", "\U000e007f",
     "\U0001d173", "\U000e0100", "\ufe0f", "\u3164", "\u115f", "\u00a0", "\u2028", "\u2029", "\x85", "\x7f"],
    ids=lambda character: f"U+{ord(character):04X}",
)  # fmt: skip
def test_what_hides(character: str) -> None:
    """A character that is invisible, reorders text, or breaks a line is shown by its number."""
    assert character not in printable(f"a{character}b")


@pytest.mark.parametrize("text", ["quay.io/acme/app:1", "Größe 名前 имя", "naïve café", "a b", "😀", ""])
def test_what_stays(text: str) -> None:
    """Letters of every script, and the space, are shown as they are."""
    assert printable(text) == text


_HASH = "a" * 64


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pa/ss@host/app:1", "https://…@host/app:1"),
        ("user:p/w@host/acme/app", "…@host/acme/app"),
        ("user:p@ss@host/app", "…@host/app"),
        ("user:p:w@host/app", "…@host/app"),
        (f"user:p/w@host/app@sha256:{_HASH}", f"…@host/app@sha256:{_HASH}"),
        (f"user:p/w@host/app:1@sha256:{_HASH}", f"…@host/app:1@sha256:{_HASH}"),
        ("docker://token@host/app", "docker://…@host/app"),
        ("(https://u:p@host)", "(https://…@host)"),
        ("url=https://u:p@host:5000/x", "url=https://…@host:5000/x"),
        ('"u:p@host" and "v:q@host"', '"…@host" and "…@host"'),
        (f"host:5000/app:1@sha256:{_HASH}", f"host:5000/app:1@sha256:{_HASH}"),
        ("host:5000/app:1@sha256:short", "host:5000/app:1@sha256:short"),
        (f"app@sha512:{_HASH * 2}", f"app@sha512:{_HASH * 2}"),
        ("alice@example.com", "alice@example.com"),
        ("@", "@"),
    ],
)
def test_credentials(text: str, shown: str) -> None:
    """A user and a password are hidden, whatever the password holds; a digest and a mail address are neither."""
    assert printable(text) == shown


_WORD = st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters='"'), min_size=4, max_size=12)


@given(
    _WORD, st.sampled_from(["", "https://", "docker://"]), st.sampled_from(["host/app:1", f"host:5000/app@{DIGEST}"])
)
def test_any_password(password: str, scheme: str, host: str) -> None:
    """No password of any characters but spaces and quotation marks is shown."""
    shown = printable(f"{scheme}user:{password}-hunter2@{host}")
    assert shown == f"{scheme}…@{host}"


@given(st.text())
def test_any_text(text: str) -> None:
    """Shown text is always printable, and printable ASCII is unchanged."""
    assert printable(text).isprintable()
    assert quoted(text).isprintable()
    assert escaped(escaped(text)) == escaped(text)
