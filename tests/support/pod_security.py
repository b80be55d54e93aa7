"""The Pod Security Standards as a table: each control of `restricted`, which has those of `baseline` in it.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (as of Kubernetes 1.34). A control says
whether a pod's spec holds to it.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

Pod = Mapping[str, Any]
_SORTS: Final = ("initContainers", "containers", "ephemeralContainers")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_VOLUMES: Final = frozenset(
    ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
)
_SELINUX_TYPES: Final = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS: Final = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    )
)


def containers(pod: Pod) -> list[Mapping[str, Any]]:
    """Return the containers of a pod, of every sort."""
    return [container for sort in _SORTS for container in pod.get(sort, ())]


def at(value: Any, *path: str) -> Any:
    """Return the value at a path of keys, None without one."""
    for key in path:
        value = (value or {}).get(key)
    return value


def _everywhere(pod: Pod, *path: str) -> Iterator[Any]:
    """Yield a field of the security context of the pod, and of each container."""
    yield from (at(each, "securityContext", *path) for each in (pod, *containers(pod)))


def _in_force(pod: Pod, *path: str) -> Iterator[Any]:
    """Yield a field of the security context as it is in force in each container: its own, else the pod's."""
    for each in containers(pod):
        own = at(each, "securityContext", *path)
        yield at(pod, "securityContext", *path) if own is None else own


def _each(pod: Pod, *path: str) -> Iterator[Any]:
    """Yield a field of each container."""
    yield from (at(each, *path) for each in containers(pod))


def _no_host_is_asked(pod: Pod) -> bool:
    called = [at(each, probe) for each in containers(pod) for probe in _PROBES]
    called += [hook for each in containers(pod) for hook in (each.get("lifecycle") or {}).values()]
    return not any(at(each, how, "host") for each in called for how in ("httpGet", "tcpSocket"))


def _apparmor(pod: Pod) -> bool:
    profiles = _everywhere(pod, "appArmorProfile", "type")
    return all(profile in (None, "RuntimeDefault", "Localhost") for profile in profiles)


def _selinux(pod: Pod) -> bool:
    return all(
        at(options, "type") in _SELINUX_TYPES and not at(options, "user") and not at(options, "role")
        for options in _everywhere(pod, "seLinuxOptions")
    )


CONTROLS: Final[Mapping[str, Callable[[Pod], bool]]] = MappingProxyType(
    {
        "HostProcess": lambda pod: not any(_everywhere(pod, "windowsOptions", "hostProcess")),
        "Host Namespaces": lambda pod: not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
        "Privileged Containers": lambda pod: not any(_each(pod, "securityContext", "privileged")),
        "Capabilities": lambda pod: all(
            "ALL" in (at(found, "drop") or ()) and set(at(found, "add") or ()) <= {"NET_BIND_SERVICE"}
            for found in _each(pod, "securityContext", "capabilities")
        ),
        "Volume Types": lambda pod: all(volume.keys() - {"name"} <= _VOLUMES for volume in pod.get("volumes", ())),
        "Host Ports": lambda pod: (
            not any(port.get("hostPort") for ports in _each(pod, "ports") for port in ports or ())
        ),
        "Host Probes": _no_host_is_asked,
        "AppArmor": _apparmor,
        "SELinux": _selinux,
        "/proc Mount Type": lambda pod: set(_each(pod, "securityContext", "procMount")) <= {None, "Default"},
        "Seccomp": lambda pod: set(_in_force(pod, "seccompProfile", "type")) <= {"RuntimeDefault", "Localhost"},
        "Sysctls": lambda pod: {each["name"] for each in at(pod, "securityContext", "sysctls") or ()} <= _SYSCTLS,
        "Privilege Escalation": lambda pod: set(_each(pod, "securityContext", "allowPrivilegeEscalation")) == {False},
        "Running as Non-root": lambda pod: set(_in_force(pod, "runAsNonRoot")) == {True},
        "Running as Non-root user": lambda pod: 0 not in set(_everywhere(pod, "runAsUser")),
    }
)
