"""The alphabet of image references: a registry, or a registry and a path."""

import re
from typing import Final

from webhook.globs.alphabet import Advice, Alphabet
from webhook.registry import ALIASES, DOCKER_HUB, LIBRARY, LOCALHOST
from webhook.text import quoted

_ENDS: Final = r"(?=[:/]|$)"
_STAR: Final = r"\*(?!\*)"
_LETTER: Final = rf"(?:[A-Za-z0-9]|{_STAR})"  # hosts are compared in lower case
_LABEL: Final = rf"(?:\*\*|{_LETTER}(?:-*{_LETTER})*)"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:]+\])"
_NUMBER: Final = r"0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_LOWER: Final = rf"(?:[a-z0-9]|{_STAR})"
_COMPONENT: Final = rf"(?:\*\*|{_LOWER}(?:[._-]*{_LOWER})*)"
# Separators that cannot be adjacent in a name (distribution specification, <name>).
_APART: Final = r"\.[._-]|_[.-]|-[._]|___"
_LONGEST: Final = 255


def _insensitive(text: str) -> str:
    """Return an expression that matches `text` in any case."""
    return "".join(f"[{each}{each.upper()}]" if each.isalpha() else re.escape(each) for each in text)


_HUB: Final = "|".join(map(_insensitive, (DOCKER_HUB, *(name for name, of in ALIASES.items() if of == DOCKER_HUB))))
# Patterns that seem to name Docker Hub or the internal registry by an alias, or that name no registry.
_HAS_STAR: Final = r"(?=[^/:]*\*)[^/:]*\."
_STARRED: Final = rf"{_HAS_STAR}(?:{_insensitive(DOCKER_HUB)}|{_insensitive('docker.com')})\.?{_ENDS}"
_SERVICE: Final = rf"{_HAS_STAR}{_insensitive('openshift-image-registry')}\.?{_ENDS}"
_WEBSITE: Final = rf"{_insensitive('hub.docker.com')}\.?{_ENDS}"
_OFFICIAL: Final = rf"(?:{_HUB})\.?(?::(?:\*|0*443))?/{LIBRARY}$"
_REGISTRY: Final = rf"{LOCALHOST}{_ENDS}|[^/]*[.:*]"
REFERENCE: Final = Alphabet(
    "image reference",
    "a registry such as quay.io or *.example.com, or a repository such as quay.io/acme/**",
    r"A-Za-z0-9._:\[\]-",
    rf"(?!.*\n)(?=(?:{_REGISTRY}))(?!{_STARRED}|{_SERVICE}|{_WEBSITE}|{_OFFICIAL})(?!.*(?:{_APART}))"
    rf"(?![^/]*/(?:\*?[^*]){{{_LONGEST + 1}}})"
    rf"{_HOST}(?::(?:\*|{_NUMBER}))?(?:/{_COMPONENT}(?:/{_COMPONENT})*)?",
    separator="/",
    advice=(
        Advice(
            r"://|@",
            "it has a scheme, a user or a digest",
            lambda found: quoted(found.string.partition("://")[2] or found.string.partition("@")[0]),
        ),
        Advice(
            rf"^{_STARRED}",
            "other names of Docker Hub are normalised to docker.io",
            lambda found: quoted(DOCKER_HUB + found.string[found.end() :]),
        ),
        Advice(
            rf"^{_WEBSITE}",
            "it is the website of Docker Hub, not a registry",
            lambda found: quoted(DOCKER_HUB + found.string[found.end() :]),
        ),
        Advice(
            rf"^{_SERVICE}",
            "other names of the service are normalised to the one that ends with .svc",
            lambda found: quoted(f"{found[0]}.svc{found.string[found.end() :]}"),
        ),
        Advice(
            rf"^{_OFFICIAL}",
            "the official images of Docker Hub are below this namespace",
            lambda found: quoted(f"{found[0]}/*"),
        ),
        Advice(
            rf"^(?!{_REGISTRY})([a-z0-9]+(?:[._-]+[a-z0-9]+)*)$",
            "it has no registry",
            lambda found: quoted(f"{DOCKER_HUB}/{LIBRARY}/{found[1]}"),
        ),
        Advice(
            rf"^(?!{_REGISTRY})[a-z0-9][a-z0-9._*/-]*$",
            "it has no registry",
            lambda found: quoted(f"{DOCKER_HUB}/{found[0]}"),
        ),
        Advice(r"^([^/]+/[^:]*):[^/]*$", "it has a tag", lambda found: quoted(found[1])),
        Advice(r"/[^A-Z]*[A-Z]", "the repository must be lower case"),
        Advice(r"//|/$|^/", "it has an empty segment"),
        Advice(rf"^[^/\[]*:(?!(?:\*|{_NUMBER})(?:/|$))", "the port must be * or a number up to 65535"),
        Advice(r"[^/.]\*\*|\*\*[^/.:]", "** must be a whole segment"),
    ),
)
