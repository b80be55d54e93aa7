"""The alphabets of all values that globs match."""

import re
from typing import Final

from webhook.globs.alphabet import Advice, Alphabet
from webhook.registry import ALIASES, DOCKER_HUB, LIBRARY, LOCALHOST
from webhook.text import quoted

_ANY: Final = 'and "*" for any'
_LINE: Final = r"(?!.*\n)"  # Python's $ matches before the last newline too
_ONE_STAR: Final = r"(?!.*\*\*)"


def _words(first: str, inner: str, last: str, longest: int) -> str:
    """Return the grammar of patterns without segments, from the first, inner and last characters of their values."""
    limit = rf"(?!(?:\*?[^*]){{{longest + 1}}})"
    return rf"{_LINE}{_ONE_STAR}{limit}[*{first}](?:[*{inner}]*[*{last}])?"


# A label (RFC 1123): apimachinery, ValidateNamespaceName.
NAMESPACE: Final = Alphabet(
    "namespace",
    f'a-z, 0-9 and "-" within, {_ANY}',
    "a-z0-9-",
    _words("a-z0-9", "a-z0-9-", "a-z0-9", 63),
    longest=63,
    advice=(
        Advice(
            r"^([a-z0-9*-]+)/([a-z0-9._*-]+)$",
            'it has "/"; match the stream by `streams`',
            lambda found: f"namespaces: [{found[1]}] and streams: [{found[2]}]",
        ),
    ),
)
# openshift-apiserver, RepositoryNameComponentRegexp; 255 characters including the namespace and the slash.
STREAM: Final = Alphabet(
    "image stream",
    f'a-z, 0-9 and single ".", "_" and "-" within, {_ANY}',
    "a-z0-9._-",
    r"(?!.*[._-]{2})" + _words("a-z0-9", "a-z0-9._-", "a-z0-9", 253),
    longest=253,
    advice=(
        Advice(
            r"^([a-z0-9._*-]+):([A-Za-z0-9._*-]+)$",
            'it has ":"; match the tag by `tags`',
            lambda found: f"streams: [{found[1]}] and tags: [{found[2]}]",
        ),
        Advice(
            r"^([a-z0-9*-]+)/([a-z0-9._*-]+)$",
            'it has "/"; match the namespace by `namespaces`',
            lambda found: f"namespaces: [{found[1]}] and streams: [{found[2]}]",
        ),
    ),
)
# As in the distribution specification. OpenShift accepts almost any name; "*" matches those that no registry serves.
TAG: Final = Alphabet(
    "tag",
    f'A-Z, a-z, 0-9, "_", and "." and "-" after the first character, {_ANY}',
    "A-Za-z0-9_.-",
    _words("A-Za-z0-9_", "A-Za-z0-9_.-", "A-Za-z0-9_.-", 128),
    longest=128,
    advice=(
        Advice(
            r"^([a-z0-9._*-]+):([A-Za-z0-9._*-]+)$",
            'it has ":"; match the stream by `streams`',
            lambda found: f'"{found[2]}"',
        ),
    ),
)
_NAMED: Final = r"^\u0000-\u001f\u007f?\[\]{}()\^"
_SERVICE_ACCOUNT: Final = r"(?!system:serviceaccounts?:.*[^a-z0-9.:*-])"
_ACCOUNTS: Final = Advice(
    r"^system:serviceaccounts?:.*[^a-z0-9.:*-]",
    "the name of a service account has only lower-case letters, digits, '-' and '.'",
)
_PRINTED: Final = f"any characters but ? ^ [ ] {{ }} ( ), {_ANY}"
USER: Final = Alphabet(
    "user",
    _PRINTED,
    r"\u0020-\u003e\u0040-\u005a\\_-z|~\u0080-\U0010ffff",
    rf"{_LINE}{_ONE_STAR}{_SERVICE_ACCOUNT}(?!system:serviceaccount:[^:*]*$)"
    rf"(?!system:(?:serviceaccounts(?::|$)|authenticated|unauthenticated|masters))[{_NAMED}]+",
    advice=(
        Advice(
            r"^system:serviceaccount:([^:*/]+)/([^:*/]+)$",
            "a service account is system:serviceaccount:NAMESPACE:NAME",
            lambda found: f'"system:serviceaccount:{found[1]}:{found[2]}"',
        ),
        Advice(
            r"^system:serviceaccount:[^:*]*$",
            "a service account is system:serviceaccount:NAMESPACE:NAME",
            lambda _: "",
        ),
        Advice(
            r"^system:(?:serviceaccounts(?::|$)|authenticated|unauthenticated|masters)",
            "it is a group",
            lambda found: f"groups: [{found.string}]",
        ),
        _ACCOUNTS,
    ),
)
GROUP: Final = Alphabet(
    "group",
    _PRINTED,
    USER.inner,
    rf"{_LINE}{_ONE_STAR}{_SERVICE_ACCOUNT}(?!system:serviceaccount:)[{_NAMED}]+",
    advice=(
        Advice(r"^system:serviceaccount:", "a service account is a user", lambda found: f"users: [{found.string}]"),
        _ACCOUNTS,
    ),
)
# apimachinery, IsQualifiedName. The API server does not validate the annotations of tags in a stream.
_PREFIX: Final = r"[*A-Za-z0-9](?:[*A-Za-z0-9.-]*[*A-Za-z0-9])?"
_NAME: Final = r"[*A-Za-z0-9](?:[*A-Za-z0-9._-]*[*A-Za-z0-9])?"
ANNOTATION_KEY: Final = Alphabet(
    "annotation key",
    f'A-Z, a-z, 0-9, ".", "_" and "-" within, after an optional DNS name and "/", {_ANY}',
    "A-Za-z0-9._/-",
    rf"{_LINE}{_ONE_STAR}(?!.*/(?:\*?[^*/]){{64}})(?!.*[^*/]{{64}}$)(?:{_PREFIX}/)?{_NAME}",
    longest=317,
)
# The API server accepts any name for a label of an image.
LABEL_KEY: Final = Alphabet(
    "label key",
    f"any characters but spaces, quotes and ? ^ [ ] {{ }} ( ) | $, {_ANY}",
    r"\u0021\u0023\u0025\u0026*-\u003e@-Z_a-z~\u0080-\U0010ffff",
    rf"{_LINE}{_ONE_STAR}[^\u0000-\u0020\u007f?\[\]{{}}()\^|$\\\u0022\u0027\u0060]+",
)
_TYPE: Final = _words("A-Za-z0-9", "A-Za-z0-9._/-", "A-Za-z0-9", 316)
SIGNATURE_TYPE: Final = Alphabet(
    "signature type", f'A-Z, a-z, 0-9 and ".", "_", "-", "/" within, {_ANY}', "A-Za-z0-9._/-", _TYPE
)
CONDITION_TYPE: Final = Alphabet(
    "condition type", f'A-Z, a-z, 0-9 and ".", "_", "-", "/" within, {_ANY}', "A-Za-z0-9._/-", _TYPE
)
# The value of an annotation or a label: any text that does not look like a regular expression.
TEXT: Final = Alphabet("value", f"any text, {_ANY}", r"\u0000-\U0010ffff", r"(?![\s\S]*\*\*)(?!\^[\s\S]*\$$)[\s\S]+")
_ARCHITECTURES: Final = "386|amd64|arm|arm64|loong64|mips|mips64|mips64le|mipsle|ppc64|ppc64le|riscv64|s390x|wasm"
_UNAMES: Final = {
    "x86_64": "amd64", "x64": "amd64", "aarch64": "arm64", "armhf": "arm", "armv7l": "arm", "i386": "386",
    "i686": "386", "x86": "386", "ppc64el": "ppc64le",
}  # fmt: skip
_SEGMENT: Final = r"(?:\*\*|(?:[a-z0-9._-]|\*(?!\*))+)"
# `os/architecture` or `os/architecture/variant`, as Go names them (OCI image specification, image index).
PLATFORM: Final = Alphabet(
    "platform",
    "os/architecture or os/architecture/variant, such as linux/*",
    "a-z0-9._-",
    rf"{_LINE}(?!(?:{_ARCHITECTURES})(?:/|$))(?!.*/(?:{'|'.join(_UNAMES)})(?:/|$))"
    rf"(?:\*\*|{_SEGMENT}/{_SEGMENT}(?:/{_SEGMENT})?)",
    separator="/",
    advice=(
        Advice(
            rf"^({_ARCHITECTURES})(?:/(v[0-9]+))?$",
            "it has no operating system",
            lambda found: quoted("/".join(part for part in ("linux", found[1], found[2]) if part)),
        ),
        Advice(
            rf"^({_ARCHITECTURES})/([a-z]+)$",
            "the operating system comes first",
            lambda found: f'"{found[2]}/{found[1]}"',
        ),
        Advice(
            rf"^(?:([a-z*]+)/)?({'|'.join(_UNAMES)})$",
            "Go has another name for the architecture",
            lambda found: f'"{found[1] or "linux"}/{_UNAMES[found[2]]}"',
        ),
    ),
)


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
