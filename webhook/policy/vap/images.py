"""The grammar of an image reference and Docker's normalisation of it, in CEL."""

from typing import Final

from webhook.policy.vap.syntax import literal, record

_HOST: Final = (
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])"
    r"(?::[0-9]+)?"
)
_PATH: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*"
_SUFFIX: Final = (
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})?"
    r"(?:@(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?$"
)
# What stands before tag and digest; whether its first segment is a registry, and whether that is Docker Hub.
_NAME: Final = r"^(?:\[[0-9a-fA-F:]*\])?[^@:]*(?::[0-9]+/[^@:]*)?"
_HOSTED: Final = r"^(?:localhost|[^/]*[.:][^/]*)/"
_HUB: Final = r"^(?i:index\.|registry-1\.)?(?i:docker\.io)/"


def images(tags: str) -> str:
    """Return the DockerImages among `tags`, parsed as Docker does.

    CEL has no assignment: a list of one value, mapped, names it. `p` is the name without tag and digest, `h` whether
    its first segment is a registry, `g` the registry, `b` the repository, `v` whether the name can be parsed.
    """
    name = "t.from.name"
    digest = f'(!{name}.contains("@") ? "" : {name}.substring({name}.indexOf("@") + 1))'
    valid = (
        f'size({name}) <= 4096 && size(g) + size(b) < 255 && !p.matches("^[0-9a-f]{{64}}$") && '
        f"{name}.matches(h ? {literal(f'^{_HOST}/{_PATH}{_SUFFIX}')} : {literal(f'^{_PATH}{_SUFFIX}')})"
    )
    after = f'{name}.split("@")[0].substring(size(p))'
    tag = f'!v ? "" : {after} != "" ? {after}.substring(1) : {digest} == "" ? "latest" : ""'
    image = record(of="t", valid="v", registry="g", repository="b", digest=digest, tag=tag)
    lets = (
        ("p", f"{name}.find({literal(_NAME)})"),
        ("h", f"p.matches({literal(_HOSTED)})"),
        ("g", f'h && !p.matches({literal(_HUB)}) ? p.split("/")[0].lowerAscii() : "docker.io"'),
        ("b", 'h ? p.substring(p.indexOf("/") + 1) : p'),
        ("b", 'g == "docker.io" && !b.contains("/") ? "library/" + b : b'),
        ("v", valid),
    )
    opened = "\n".join(f"[{value}].map({each}," for each, value in lets)
    return f'{tags}.filter(t, t.from.kind == "DockerImage").map(t,\n{opened}\n{image}' + ")[0]" * len(lets) + ")"
