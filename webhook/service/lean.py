"""Flask without the features that two endpoints do not use: sessions, hooks, signals, URL building.

This saves a fifth of the CPU time of a review (`make bench`). The overridden methods are Flask's own and differ between
minor versions, so Flask is pinned to one; the table of answers in the tests checks that the app behaves like Flask.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.routing import MapAdapter, Rule

JSON: Final = "application/json"


class _NoSession(SessionInterface):
    """One shared null session."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """Return the null session."""
        del app, request
        return self._none


class _Posted(Request):
    """A request whose form is never parsed, so that it holds nothing to close."""

    def close(self) -> None:
        """Do nothing."""


class Lean(Flask):
    """An app that finds views by path and calls no hooks; each view returns a Response or a Deferred one."""

    request_class = _Posted

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self.session_interface = _NoSession()
        self._rules: dict[tuple[str, str], Rule] = {}

    def add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
        """Add a view without converters, which is found without the URL map; only OPTIONS uses the map."""
        super().add_url_rule(rule, *args, **options)
        for added in self.url_map.iter_rules():
            self._rules.update({(method, added.rule): added for method in (added.methods or set()) - {"OPTIONS"}})

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Set the rule of `request`; a request without one goes to the URL map, which raises the error."""
        if request is None:  # for URLs without a request, which need SERVER_NAME
            return None
        found = self._rules.get((request.method, request.path))
        if found is None:
            return super().create_url_adapter(request)
        request.url_rule, request.view_args = found, {}
        return None

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the view itself: no view is asynchronous."""
        return func

    def full_dispatch_request(self) -> Response:
        """Call the view, or the error handler; the result is only called as a WSGI app."""
        try:
            answer = self.dispatch_request()
        except Exception as error:  # noqa: BLE001 - Flask raises it again if no handler accepts it
            answer = self.handle_user_exception(error)
        return answer if isinstance(answer, Deferred) else self.make_response(answer)  # type: ignore[return-value]

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Do nothing: no view needs a teardown."""

    def do_teardown_appcontext(self, exc: BaseException | None = None) -> None:
        """Do nothing, as above."""


class Deferred:
    """A WSGI app whose answer is made when the server reads the result, at a tenth of the cost of a Response."""

    __slots__ = ("_finish",)

    def __init__(self, finish: Callable[[], Response | bytes]) -> None:
        """Answer with what `finish` returns: a response, or the content of a successful one in JSON."""
        self._finish = finish

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Yield the content."""
        answer = self._finish()
        if isinstance(answer, bytes):
            start_response("200 OK", [("Content-Type", JSON), ("Content-Length", str(len(answer)))])
            yield answer
        else:
            yield from answer(environ, start_response)
