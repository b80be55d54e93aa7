"""Flask without what two endpoints do not use and every review would pay for: sessions, hooks, signals, URL building.

That is a fifth of the CPU of a review (`make bench`). What is overridden is Flask's own and differs between its minor
versions, which is why it is pinned to one; the table of answers in the tests holds this app to Flask's behaviour.
"""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.routing import MapAdapter, Rule


class _NoSession(SessionInterface):
    """One session for all, which is never there."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """Return the session that is none."""
        del app, request
        return self._none


class Lean(Flask):
    """An app that finds its views by their path and calls no hooks; each view returns a Response or a RawResponse."""

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self.session_interface = _NoSession()
        self._rules: dict[tuple[str, str], Rule] = {}

    def add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
        """Add a view, which is also found without the URL map (OPTIONS asks the map); a rule has no converters here."""
        super().add_url_rule(rule, *args, **options)
        for added in self.url_map.iter_rules():
            self._rules.update({(method, added.rule): added for method in (added.methods or set()) - {"OPTIONS"}})

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Give `request` its rule; one that has none is left to the URL map, for the error that says so."""
        found = self._rules.get((request.method, request.path)) if request is not None else None
        if request is None or found is None:
            return super().create_url_adapter(request)
        request.url_rule, request.view_args = found, {}
        return None

    def full_dispatch_request(self) -> Response:
        """Call the view, or the handler of what it raises; what comes is only ever called as a WSGI app."""
        try:
            answer = self.dispatch_request()
        except Exception as error:  # noqa: BLE001 - Flask raises it again where no handler takes it
            answer = self.handle_user_exception(error)
        return answer if isinstance(answer, RawResponse) else self.make_response(answer)  # type: ignore[return-value]

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Do nothing: no view leaves anything behind."""

    def do_teardown_appcontext(self, exc: BaseException | None = None) -> None:
        """Do nothing, as above."""


class RawResponse:
    """An answer of bytes that are all there: a WSGI app that sends them, as a Response does for ten times the work."""

    __slots__ = ("_body", "_content_type")

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body, self._content_type = body, content_type

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send 200, the headers and the body."""
        del environ
        start_response("200 OK", [("Content-Type", self._content_type), ("Content-Length", str(len(self._body)))])
        return (self._body,)
