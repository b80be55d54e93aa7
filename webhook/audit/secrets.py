"""Remove what may be secret from a JSON value: environment values and credentials, in JSON inside strings too."""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import orjson

from webhook.text import has_no_credentials, without_credentials

HIDDEN: Final = "…"


class _Holds(Enum):
    """What the value of a key may hold."""

    NOTHING = 0
    ENVIRONMENT = 1
    COMMAND = 2
    CREDENTIAL = 3


# By keys in lower case and without "-", "_" and "."; the keys decide, so a new path to an image needs no change here.
_KEYS: Final[Mapping[str, _Holds]] = MappingProxyType(
    {
        "env": _Holds.ENVIRONMENT,
        "environment": _Holds.ENVIRONMENT,
        # A build's ENV, ARG and RUN repeat the values that they set (image-spec, config.md; Docker's v1 history).
        **dict.fromkeys(
            ("args", "cmd", "command", "comment", "createdby", "entrypoint", "healthcheck", "onbuild"), _Holds.COMMAND
        ),
        # Docker's config.json and what Secrets and builds call theirs.
        **dict.fromkeys(
            (
                "accesskey", "accesstoken", "apikey", "auth", "authorization", "clientsecret", "credential",
                "credentials", "dockercfg", "dockerconfigjson", "identitytoken", "passphrase", "passwd", "password",
                "privatekey", "refreshtoken", "registrytoken", "secret", "secretkey", "token",
            ),
            _Holds.CREDENTIAL,
        ),
    }
)  # fmt: skip
_JSON: Final = re.compile(r'\s*[{\["]')
_OPENING: Final = frozenset('{["')
_STEMS: Final = ("env", "pass", "token", "secret", "auth", "cred", "key", "cmd", "args", "\\u")
_SEPARATORS: Final = str.maketrans("", "", "-_.")
_LONGEST_KEY: Final = 32  # characters of a key that can be one of ours
_DEEPEST: Final = 254  # objects and lists within each other that orjson writes, so no accepted review has more


def redacted(value: Any) -> Any:
    """Return `value` without environment values and credentials; names of variables and all else stay.

    A string that holds a JSON object or list is read, redacted and written again. One that looks like JSON, cannot be
    read and mentions what may be secret is hidden as a whole.

    Args:
        value: a JSON value.
    """
    return _redacted(value, _Holds.NOTHING, 0)


def _holds(key: str) -> _Holds:
    """Return what the value of `key` may hold."""
    if key.isalnum() and key.islower():  # as most keys that are told apart by nothing but their number
        return _KEYS.get(key, _Holds.NOTHING)
    return _folded(key) if len(key) <= _LONGEST_KEY else _Holds.NOTHING


@lru_cache(1_024)
def _folded(key: str) -> _Holds:
    return _KEYS.get(key.translate(_SEPARATORS).lower(), _Holds.NOTHING)


def _redacted(value: Any, holds: _Holds, depth: int) -> Any:
    """Return `value` redacted; what holds no secret is itself, and is not copied."""
    if not isinstance(value, dict | list):
        return _scalar(value, holds, depth)
    if holds is _Holds.CREDENTIAL or depth >= _DEEPEST:
        return HIDDEN
    if isinstance(value, list):
        return _list(value, holds, depth)
    changed: dict[str, Any] | None = None
    for key, each in value.items():
        below = _holds(key) if holds is _Holds.NOTHING else holds
        if below is _Holds.NOTHING and _is_plain(each):
            bare = each
        elif holds is _Holds.ENVIRONMENT:  # variables by name, or one of them (core/v1, EnvVar)
            bare = each if key == "name" and each.__class__ is str else HIDDEN
        else:
            bare = _redacted(each, below, depth + 1)
        name = key if "@" not in key else without_credentials(key)
        if bare is not each or name is not key:
            changed = value.copy() if changed is None else changed
            if name is not key:
                del changed[key]
            changed[name] = bare
    return value if changed is None else changed


def _list(value: list[Any], holds: _Holds, depth: int) -> list[Any]:
    changed: list[Any] | None = None
    for index, each in enumerate(value):
        if holds is not _Holds.NOTHING or not _is_plain(each):
            bare = _redacted(each, holds, depth + 1)
            if bare is not each:
                changed = value.copy() if changed is None else changed
                changed[index] = bare
    return value if changed is None else changed


def _is_plain(value: Any) -> bool:
    """Whether `value` is a number, a boolean, null or a string without credentials and JSON, as most are."""
    if value.__class__ is not str:
        return value.__class__ is not dict and value.__class__ is not list
    return has_no_credentials(value) and value[:1] not in _OPENING and not value[:1].isspace()


def _scalar(value: Any, holds: _Holds, depth: int) -> Any:
    if value.__class__ is str:
        return _text(value, holds, depth)
    return HIDDEN if holds is _Holds.CREDENTIAL and value is not None else value


def _text(value: str, holds: _Holds, depth: int) -> str:
    if holds is _Holds.CREDENTIAL:
        return value and HIDDEN
    if holds is _Holds.ENVIRONMENT:
        return value.partition("=")[0]
    if holds is _Holds.COMMAND:
        head, assigns, _ = value.partition("=")
        return without_credentials(head) + (f"={HIDDEN}" if assigns else "")
    return _inner(value, depth) if _JSON.match(value) else without_credentials(value)


def _inner(value: str, depth: int) -> str:
    """Return a string that looks like JSON redacted; it is written anew, for a repeated key would hide a value."""
    try:
        return orjson.dumps(_redacted(orjson.loads(value), _Holds.NOTHING, depth + 1)).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        folded = value.lower()
        return HIDDEN if any(stem in folded for stem in _STEMS) else without_credentials(value)
