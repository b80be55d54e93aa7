"""Real JSON documents, changed in a place or two: values of other types, nothing, too much, moved or repeated."""

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any, Final

_VALUES: Final[tuple[Any, ...]] = (
    None, None, None, True, False, 0, -1, 2**63, 2**64 - 1, -(2**63), 2**70, 1.5, -0.0, 1e300, "", "x", "*", "a:b:c", ":", "@", "/",
    "a@b:c@d", "\u2028\n", "\ud800", "é\ud83d\ude00", "\x00", "\u202e", "é" * 300, "x" * 5_000, "user:pw@h/x", '{"a":', "[1]",
    [], [None], [{}], [[]], {}, {"": None}, {"a": None}, [None, {}], {"a/b~c": 1}, {"kind": "DockerImage"},
    {"kind": "DockerImage", "name": "nginx"}, {"name": None}, {"metadata": None}, "ImageStreamTag", "DELETE", "UPDATE", "CREATE",
    "imagestreams", {"istag-webhook/keep": "importMode"}, {"istag-webhook/keep": None},
    {"openshift.io/image.insecureRepository": "true"},
)  # fmt: skip
_KEYS: Final = (
    "tag", "spec", "tags", "metadata", "from", "name", "items", "annotations", "status", "image", "images", "to", "repository",
    "importPolicy", "conditions", "object", "oldObject", "userInfo", "dockerImageMetadata", "x", "",
)  # fmt: skip


def changed(data: bytes, random: Random, most: int = 1) -> bytes:
    """Return a JSON document with up to `most` changes; what is no JSON as it is."""
    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        for _ in range(random.randint(1, most)):
            _change(document, random)
        return json.dumps(document, ensure_ascii=random.random() < 0.9).encode("utf-8", "surrogatepass")
    return data


def _change(document: Any, random: Random) -> None:
    """Change one place of a document."""
    places = list(_places(document))
    if not places:
        return
    at, key = random.choice(places)
    what = random.randrange(10)
    value = deepcopy(random.choice(_VALUES))
    if what == 0:
        del at[key]
    elif what == 1:
        other, name = random.choice(places)
        at[key] = deepcopy(other[name])
    elif what == 2:
        at[key] = [at[key]]
    elif what == 3:
        at[key] = _turned(at[key])
    elif what == 4 and isinstance(at, list):
        at.append(deepcopy(at[key]))
    elif what == 5 and isinstance(at, dict):
        at[random.choice(_KEYS)] = value
    else:
        at[key] = value


def _turned(value: Any) -> Any:
    """Return a list for a map, a map for a list, the text of all else."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return {str(index): each for index, each in enumerate(value)}
    return json.dumps(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a JSON value with each of its keys."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(each)
