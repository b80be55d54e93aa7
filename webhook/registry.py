"""Names of registries: every spelling of one registry has one canonical name."""

from collections.abc import Mapping
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Final

DOCKER_HUB: Final = "docker.io"
LIBRARY: Final = "library"  # the namespace of Docker Hub's official images
DEFAULT_PORT: Final = "443"  # of a name without a port (openshift-apiserver, validation/whitelist)
LOCALHOST: Final = "localhost"  # the only host without a dot or a port (distribution/reference, splitDockerDomain)
# The service of the internal registry, and the one of OpenShift 3.
_IMAGE_REGISTRY: Final = "image-registry.openshift-image-registry"
_DOCKER_REGISTRY: Final = "docker-registry.default"
SERVICE: Final = ".svc"
CLUSTER_DOMAIN: Final = ".cluster.local"  # OpenShift has no other
# index and registry-1: library-go, image/reference. registry.hub.docker.com serves the same repositories (Google's jib
# has it in its RegistryAliasGroup), registry.docker.io redirects to registry-1 (docker/hub-tool#107).
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("index.docker.io", "registry-1.docker.io", "registry.docker.io", "registry.hub.docker.com"), DOCKER_HUB
        ),
        _IMAGE_REGISTRY: _IMAGE_REGISTRY + SERVICE,
        _DOCKER_REGISTRY: _DOCKER_REGISTRY + SERVICE,
    }
)
# Every host name of the services; a route's host is the cluster's own, and a policy names it.
INTERNAL_REGISTRIES: Final = frozenset(
    service + end for service in (_IMAGE_REGISTRY, _DOCKER_REGISTRY) for end in ("", SERVICE, SERVICE + CLUSTER_DOMAIN)
)


def is_registry(segment: str) -> bool:
    """Whether the first of several segments of a reference names a registry, as Docker tells it from a namespace."""
    return "." in segment or ":" in segment or segment == LOCALHOST


def canonical_host(host: str) -> str:
    """Return the one spelling of a host: lower case, without a trailing dot, by the name that others are aliases of.

    Raises:
        ValueError: the host is in brackets, and is not an IPv6 address of its own.
    """
    host = host.lower()
    if host[:1] == "[":
        address = IPv6Address(host[1:-1])
        if address.ipv4_mapped is not None:
            raise ValueError(f"expected {address.ipv4_mapped}, which {host} stands for")
        return f"[{address.compressed}]"
    host = host.removesuffix(".")
    if host.endswith(SERVICE + CLUSTER_DOMAIN):
        host = host.removesuffix(CLUSTER_DOMAIN)
    return ALIASES.get(host, host)


def canonical_port(port: str) -> str:
    """Return the one spelling of a port: without leading zeros, and "" for the default port."""
    if not port:
        return ""
    port = port.lstrip("0") or "0"
    return "" if port == DEFAULT_PORT else port


def joined(host: str, port: str) -> str:
    """Return the registry of a canonical host and a canonical port.

    A host that is only taken for a registry by its port keeps the default one: `local:443/app` is not `local/app`.
    """
    if port:
        return f"{host}:{port}"
    return host if is_registry(host) else f"{host}:{DEFAULT_PORT}"


def split_port(registry: str) -> tuple[str, str]:
    """Return the host of a registry and its port, "" if it has none."""
    if registry.endswith("]") or ":" not in registry:
        return registry, ""
    host, _, port = registry.rpartition(":")
    return host, port


def canonical_registry(registry: str) -> str:
    """Return the one name of a registry: a host, with its port if that is not the default one.

    Raises:
        ValueError: as `canonical_host`.
    """
    if ":" in registry:
        host, port = split_port(registry)
        return joined(canonical_host(host), canonical_port(port))
    return joined(canonical_host(registry), "")


def is_internal(registry: str) -> bool:
    """Whether a registry is the cluster's internal one, by a name of its service, on whatever port."""
    return split_port(registry)[0].lower().removesuffix(".") in INTERNAL_REGISTRIES
