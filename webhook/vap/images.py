"""The grammar of an image reference, Docker's normalisation of it and the one name of its registry, in CEL."""

from typing import Final

from webhook.celtext import literal, record
from webhook.registry import ALIASES, CLUSTER_DOMAIN, DEFAULT_PORT, DOCKER_HUB, LIBRARY, LOCALHOST, SERVICE

_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
# OpenShift's own parser takes no IPv6 address, so none gets here; one is read as it is written.
_IPV6: Final = r"\[[0-9a-f:]+\]"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|{_IPV6})(?::[0-9]+)?"
_PATH: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*"
_SUFFIX: Final = (
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})?"
    r"(?:@(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?$"
)
_LONGEST: Final = 255
# What stands before tag and digest; whether its first segment is a registry.
_NAME: Final = r"^(?:\[[0-9a-fA-F:]*\])?[^@:]*(?::[0-9]+/[^@:]*)?"
_HOSTED: Final = rf"^(?:{LOCALHOST}|[^/]*[.:][^/]*)/"


def _alias(host: str) -> str:
    """Return the name that `host` is an alias of, or `host`."""
    found = host
    for name in dict.fromkeys(ALIASES.values()):
        aliases = sorted(alias for alias, of in ALIASES.items() if of == name)
        found = f"{host} in {literal(aliases)} ? {literal(name)} : {found}"
    return found


def images(tags: str) -> str:
    """Return the DockerImages among `tags`, parsed as Docker does.

    CEL has no assignment: a list of one value, mapped, names it. `p` is the name without tag and digest, `h` whether
    its first segment is a registry, `f` that segment, `n` the registry's host, `o` its port, `g` the registry, `s` the
    repository as it is sent, `b` the repository, `c` whether the name can be parsed, `v` whether it also names no other
    image than the one that is recorded.
    """
    name = "t.from.name"
    digest = f'(!{name}.contains("@") ? "" : {name}.substring({name}.indexOf("@") + 1))'
    valid = (
        f'size({name}) <= 4096 && size(s) <= {_LONGEST} && !p.matches("^[0-9a-f]{{64}}$") && '
        f"{name}.matches(h ? {literal(f'^{_HOST}/{_PATH}{_SUFFIX}')} : {literal(f'^{_PATH}{_SUFFIX}')})"
    )
    after = f'{name}.split("@")[0].substring(size(p))'
    tag = f'!v ? "" : {after} != "" ? {after}.substring(1) : {digest} == "" ? "latest" : ""'
    fault = f'c ? "it names another image than " + t.from.image : "\\"" + {name} + "\\" is not an image reference"'
    image = record(of="t", valid="v", fault=f'v ? "" : {fault}', registry="g", repository="b", digest=digest, tag=tag)
    domain = literal(SERVICE + CLUSTER_DOMAIN)
    alone = f'n.contains(".") || n == "{LOCALHOST}" || n.startsWith("[")'
    lets = (
        ("p", f"{name}.find({literal(_NAME)})"),
        ("h", f"p.matches({literal(_HOSTED)})"),
        ("f", 'h ? p.split("/")[0].lowerAscii() : ""'),
        ("n", r'f.find("^(?:\\[[^\\]]*\\]|[^:]*)")'),
        ("n", 'n.endsWith(".") ? n.substring(0, size(n) - 1) : n'),
        ("n", f"n.endsWith({domain}) ? n.substring(0, size(n) - {len(CLUSTER_DOMAIN)}) : n"),
        ("n", _alias("n")),
        ("o", r'f.matches(":0+$") ? "0" : f.matches(":[0-9]+$") ? f.find("[1-9][0-9]*$") : ""'),
        ("o", f'o == "{DEFAULT_PORT}" ? "" : o'),
        ("g", f'!h ? "{DOCKER_HUB}" : o != "" ? n + ":" + o : {alone} ? n : n + ":{DEFAULT_PORT}"'),
        ("s", 'h ? p.substring(p.indexOf("/") + 1) : p'),
        ("b", f'g == "{DOCKER_HUB}" && !s.contains("/") ? "{LIBRARY}/" + s : s'),
        ("c", valid),
        ("v", f'c && (!has(t.from.image) || t.from.image in ["", {digest}] || {digest} == "")'),
    )
    opened = "\n".join(f"[{value}].map({each}," for each, value in lets)
    return f'{tags}.filter(t, t.from.kind == "DockerImage").map(t,\n{opened}\n{image}' + ")[0]" * len(lets) + ")"
