"""Removes potential secrets from a JSON value: environment values and credentials, also in JSON inside strings."""

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
    """The possible content of a value, by its key."""

    NOTHING = 0
    ENVIRONMENT = 1
    COMMAND = 2
    CREDENTIAL = 3


# Keys are in lower case, without "-", "_" and ".". They apply at any path, so a new resource needs no change here.
_KEYS: Final[Mapping[str, _Holds]] = MappingProxyType(
    {
        "env": _Holds.ENVIRONMENT,
        "environment": _Holds.ENVIRONMENT,
        # ENV, ARG and RUN of a build repeat the values that they set (image-spec, config.md; Docker's v1 history).
        **dict.fromkeys(
            ("args", "cmd", "command", "comment", "createdby", "entrypoint", "healthcheck", "onbuild"), _Holds.COMMAND
        ),
        # The keys in Docker's config.json, in Secrets and in builds.
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
_LONGEST_KEY: Final = 32  # characters, with separators; a longer key is unknown
_DEEPEST: Final = 254  # the maximum nesting that orjson writes, so no accepted review has more


def redacted(value: Any) -> Any:
    """Return `value` without environment values and credentials; names of variables and other values are kept.

    A string that contains a JSON object or list is parsed, redacted and encoded again. A string that looks like JSON,
    cannot be parsed and mentions potential secrets is hidden completely.

    Args:
        value: a JSON value.
    """
    return _redacted(value, _Holds.NOTHING, 0)


def _holds(key: str) -> _Holds:
    """Return what the value of `key` may contain."""
    if key.isalnum() and key.islower():  # true for most keys, which need no folding
        return _KEYS.get(key, _Holds.NOTHING)
    return _folded(key) if len(key) <= _LONGEST_KEY else _Holds.NOTHING


@lru_cache(1_024)
def _folded(key: str) -> _Holds:
    return _KEYS.get(key.translate(_SEPARATORS).lower(), _Holds.NOTHING)


def _redacted(value: Any, holds: _Holds, depth: int) -> Any:
    """Return `value` redacted; a value without secrets is returned itself, not a copy."""
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
        elif holds is _Holds.ENVIRONMENT:  # a map of variables, or one variable (core/v1, EnvVar)
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
    """Whether `value` is a number, a boolean, null or a string without credentials and JSON, as most values are."""
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
    """Redact a string that looks like JSON; encode it again, because a repeated key could hide a value."""
    try:
        return orjson.dumps(_redacted(orjson.loads(value), _Holds.NOTHING, depth + 1)).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        folded = value.lower()
        return HIDDEN if any(stem in folded for stem in _STEMS) else without_credentials(value)
