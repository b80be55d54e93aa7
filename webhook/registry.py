"""Registry names: all spellings of one registry have one canonical name."""

from collections.abc import Mapping
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Final

DOCKER_HUB: Final = "docker.io"
LIBRARY: Final = "library"  # the namespace of the official images on Docker Hub
DEFAULT_PORT: Final = "443"  # the port of a name without one (openshift-apiserver, validation/whitelist)
LOCALHOST: Final = "localhost"  # the only host without a dot or a port (distribution/reference, splitDockerDomain)
# The services of the internal registry, in OpenShift 4 and in OpenShift 3.
_IMAGE_REGISTRY: Final = "image-registry.openshift-image-registry"
_DOCKER_REGISTRY: Final = "docker-registry.default"
SERVICE: Final = ".svc"
CLUSTER_DOMAIN: Final = ".cluster.local"  # the only domain that OpenShift supports
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
# All host names of the services. The host of a route differs between clusters, so a policy must name it.
INTERNAL_REGISTRIES: Final = frozenset(
    service + end for service in (_IMAGE_REGISTRY, _DOCKER_REGISTRY) for end in ("", SERVICE, SERVICE + CLUSTER_DOMAIN)
)


def is_registry(segment: str) -> bool:
    """Whether the first segment of a reference names a registry, by Docker's rule."""
    return "." in segment or ":" in segment or segment == LOCALHOST


def canonical_host(host: str) -> str:
    """Return the canonical spelling of a host: lower case, no trailing dot, aliases resolved.

    Raises:
        ValueError: the host is in brackets and is not an IPv6 address.
    """
    host = host.lower()
    if host[:1] == "[":
        address = IPv6Address(host[1:-1])
        if address.ipv4_mapped is not None:
            raise ValueError(f"expected {address.ipv4_mapped}; {host} is mapped from it")
        return f"[{address.compressed}]"
    host = host.removesuffix(".")
    if host.endswith(SERVICE + CLUSTER_DOMAIN):
        host = host.removesuffix(CLUSTER_DOMAIN)
    return ALIASES.get(host, host)


def canonical_port(port: str) -> str:
    """Return the canonical spelling of a port: no leading zeros, "" for the default port."""
    if not port:
        return ""
    port = port.lstrip("0") or "0"
    return "" if port == DEFAULT_PORT else port


def joined(host: str, port: str) -> str:
    """Join a canonical host and a canonical port.

    A host that only its port makes a registry keeps the default port: `local:443/app` is not `local/app`.
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
    """Return the canonical name of a registry: its host, with its port unless that is the default.

    Raises:
        ValueError: as `canonical_host`.
    """
    if ":" in registry:
        host, port = split_port(registry)
        return joined(canonical_host(host), canonical_port(port))
    return joined(canonical_host(registry), "")


def is_internal(registry: str) -> bool:
    """Whether a registry is the internal registry of the cluster, by a name of its service, on any port."""
    return split_port(registry)[0].lower().removesuffix(".") in INTERNAL_REGISTRIES
