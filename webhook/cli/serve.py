"""`istag-webhook serve`: everything is checked before any worker starts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from webhook.cli.options import GivenPath
from webhook.cli.output import fail
from webhook.errors import CertificateError, SettingsError
from webhook.settings import Settings, documented, flag, resolve, variable

_EVERY_ADDRESS: Final = "::"
_EVERY_IPV4_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a pod listens on its only address
_DEVELOPMENT: Final = ("localhost", "127.0.0.1", "::1")
_TYPES: Final[dict[Any, Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    Path: GivenPath(),
    Path | None: GivenPath(),
    tuple[Path, ...]: GivenPath(),
}


class _Closed(click.Choice[str]):
    """A closed set of values, which the help and the shell's completion show."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value` as it is: `resolve` reports every setting that cannot be used, all at once."""
        del param, ctx
        return str(value)


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for each setting."""
    for each in reversed(documented()):
        command = click.option(
            *((flag(each.name), "-p") if each.name == "policy" else (flag(each.name),)),
            each.name,
            type=_Closed(each.metadata["choices"]) if each.metadata["choices"] else _TYPES[each.type],
            multiple=each.type == tuple[Path, ...],
            default=each.default,
            envvar=variable(each.name),
            show_default=each.default not in (None, ()),
            show_envvar=True,
            help=each.metadata["help"],
        )(command)
    return command


@click.command()
@setting_options
@click.option(
    "--dev", is_flag=True, help="Development: on loopback, with certificates made in certs/ where there are none."
)
@click.pass_context
def serve(ctx: click.Context, /, *, dev: bool, **given: Any) -> None:
    """Serve the admission endpoints over TLS."""
    from webhook.service import logs
    from webhook.service.process import Process

    try:
        settings = resolve(given)
        logs.configure(settings.log_level, form=settings.log_format)
        process = Process.of(_development(ctx, settings) if dev else settings)
    except SettingsError as error:
        fail(str(error))
<<<<<<< HEAD
    process.run()
=======
    logs.configure(settings.log_level, form=settings.log_format)
    if dev:
        settings = _development(ctx, settings)
    if settings.host == _EVERY_ADDRESS and not _is_dual_stack():
        settings = replace(settings, host=_EVERY_IPV4_ADDRESS)
    policy, serving, mutex = _checked(settings)
    _serve(settings, policy, serving, mutex)
>>>>>>> 81bbd94edd3d46f5f9f3913f5a3aead06661173c


def _development(ctx: click.Context, settings: Settings) -> Settings:
    """Return the settings for development: loopback and no drain unless said otherwise, and certificates."""
    from webhook.certs.issuing import issue

    if ctx.get_parameter_source("host") is ParameterSource.DEFAULT:
        settings = replace(settings, host="127.0.0.1")
    if ctx.get_parameter_source("drain") is ParameterSource.DEFAULT:
        settings = replace(settings, drain=0.0)
    if not settings.cert.exists() and not settings.key.exists():
        try:
            issued = issue(settings.cert.parent, _DEVELOPMENT)
        except CertificateError as error:
            fail(str(error))
        click.echo(f"wrote {issued.ca}, {issued.cert} and their keys, for {', '.join(_DEVELOPMENT)}", err=True)
    return settings
<<<<<<< HEAD
=======


def _is_dual_stack() -> bool:
    """Return whether a socket on `::` takes IPv4 too: there is IPv6, and net.ipv6.bindv6only is 0."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            return not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return False


def _unheard(settings: Settings) -> Iterator[str]:
    """Yield a fault for each address that cannot be listened on: the server itself would try it again and again."""
    for name, port in (("port", settings.port), ("management_port", settings.management_port)):
        option = option_names(name)[0]
        try:
            family, kind, _, _, address = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
        except OSError as error:
            hint = f"; set another port with {option} or {variable(name)}" if error.errno in _ELSEWHERE else ""
            yield f"{option}: cannot listen on {printable(settings.host)}:{port}: {error.strerror}{hint}"


def _checked(settings: Settings) -> tuple[PolicySource, Serving, SharedMutex]:
    """Return what the workers share; what cannot be used is said all at once, and no worker starts."""
    faults: list[str] = [*(f"{name}: no such setting" for name in unknown()), *_unheard(settings)]
    policy = serving = None
    mutex = SharedMutex.make()
    try:
        policy = PolicySource(*settings.policy)
    except PolicyRefused as error:
        faults.append(str(error))
    try:
        serving = Serving(settings.cert, settings.key, settings.client_ca)
    except CertificateRefused as error:
        faults.append(str(error))
    try:
        Journal(settings.record, mutex).close()
    except RecordFailed as error:
        faults.append(str(error))
    if faults or policy is None or serving is None:
        fail("\n".join(faults))
    return policy, serving, mutex


def _serve(settings: Settings, policy: PolicySource, serving: Serving, mutex: SharedMutex) -> None:
    """Run the workers; metrics and server are imported here, for they read the environment when they are."""
    directory, parent = tempfile.mkdtemp(prefix="istag-webhook-"), os.getpid()
    os.environ[_METRICS] = directory
    from webhook.server.application import Listen, run  # noqa: PLC0415 - see above
    from webhook.service.app import LARGEST  # noqa: PLC0415 - see above
    from webhook.service.metrics import forget  # noqa: PLC0415 - see above

    listen = Listen(
        settings.host,
        settings.port,
        settings.management_port,
        settings.workers,
        settings.keepalive,
        settings.drain,
        settings.grace,
        LARGEST,
        settings.patience,
        _about(policy.current),
    )

    def beat() -> None:
        """Have the last good policy and pair here too: a worker that replaces another inherits them."""
        for source in (policy, serving):
            with suppress(PolicyRefused, CertificateRefused):  # the workers say it
                source.refresh()

    try:
        run(listen, lambda: _worker(settings, policy, serving, mutex), beat=beat, worker_ended=forget)
    finally:
        if os.getpid() == parent:  # a worker that ends comes by here too
            shutil.rmtree(directory, ignore_errors=True)


def _about(policy: Policy) -> dict[str, Any]:
    """Return what the start-up line of the log says of the policy in force."""
    warnings = len(warnings_of(policy, logging.getLogger(_LOG)))
    return {
        "version": version(DISTRIBUTION),
        "policy": policy.name,
        "digest": policy.digest,
        "rules": len(policy.rules),
        "warnings": warnings,
    }


def _worker(settings: Settings, policy: PolicySource, serving: Serving, mutex: SharedMutex) -> Any:
    """Return what one worker serves."""
    from webhook.server.worker import Served  # noqa: PLC0415 - as in _serve
    from webhook.service.app import Service, create_app, create_management_app  # noqa: PLC0415 - as in _serve
    from webhook.service.metrics import Metrics  # noqa: PLC0415 - as in _serve

    log = logging.getLogger(_LOG)
    metrics, package = Metrics(), version(DISTRIBUTION)
    metrics.started(package)
    metrics.certificate(serving.expires.timestamp())
    draining: list[str] = []

    def take() -> None:
        """Note the policy that is in force from now on, and the warnings about it."""
        metrics.policy_loaded(policy.current, time.time())
        metrics.policy_warned(each.name for each in log_warnings(policy.current, log))

    def tick(under_way: int = 0) -> None:
        metrics.in_flight(under_way)
        metrics.flush()
        try:
            was_refused = policy.refused
            if policy.refresh():
                take()
                log.info("policy loaded", extra={"policy": str(policy.current)})
            if was_refused and not policy.refused:
                log.info("the policy is valid again", extra={"policy": str(policy.current)})
        except PolicyRefused as error:
            metrics.policy_refused()
            _refused(log, "the new policy is rejected, the last good one stays", error)
        metrics.policy_current(current=not policy.refused)
        try:
            was_refused = serving.refused
            if serving.refresh():
                metrics.certificate(serving.expires.timestamp())
                log.info("certificate loaded", extra={"expires": serving.expires.isoformat()})
            if was_refused and not serving.refused:
                log.info("the certificate is valid again", extra={"expires": serving.expires.isoformat()})
        except CertificateRefused as error:
            _refused(log, "the new certificate is rejected, the last good one stays", error)

    take()
    tick()  # before the first answer
    service = Service(
        policy=lambda: policy.current,
        journal=Journal(settings.record, mutex),
        metrics=metrics,
        version=package,
        level=settings.record_level,
        best_effort=settings.audit == "best-effort",
    )
    return Served(
        admission=create_app(service).wsgi_app,
        management=create_management_app(lambda: draining[0] if draining else "", metrics).wsgi_app,
        context=lambda: serving.context,
        tick=tick,
        drain=lambda: draining.append("draining"),
        shed=metrics.shed,
    )


def _refused(log: Any, sentence: str, error: Refused) -> None:
    log.error(sentence, extra={"faults": [str(fault) for fault in error.faults]})
>>>>>>> 81bbd94edd3d46f5f9f3913f5a3aead06661173c
