"""Remove what may be secret from a JSON value: environment values and credentials, in JSON inside strings too."""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import orjson

from webhook.text import without_credentials

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


@lru_cache(1_024)
def _holds(key: str) -> _Holds:
    """Return what the value of `key` may hold."""
    if len(key) > _LONGEST_KEY:
        return _Holds.NOTHING
    return _KEYS.get(key.translate(_SEPARATORS).lower(), _Holds.NOTHING)


def _redacted(value: Any, holds: _Holds, depth: int) -> Any:
    if not isinstance(value, dict | list):
        return _scalar(value, holds, depth)
    if holds is _Holds.CREDENTIAL or depth >= _DEEPEST:
        return HIDDEN
    if isinstance(value, list):
        items: list[Any] = []
        for each in value:
            items.append(_redacted(each, holds, depth + 1))  # noqa: PERF401 - a comprehension is a frame for each level
        return items
    found: dict[str, Any] = {}
    for key, each in value.items():
        name = without_credentials(key) if "@" in key else key
        if holds is _Holds.ENVIRONMENT:  # a map of variables, or one variable (core/v1, EnvVar)
            found[name] = each if key == "name" and each.__class__ is str else HIDDEN
        else:
            found[name] = _redacted(each, _holds(key) if holds is _Holds.NOTHING else holds, depth + 1)
    return found


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
