"""What an API server may deny for the moment is asked again, later each time, and not for ever."""

import random
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from webhook.cluster.client import Sender
from webhook.errors import ClusterError

# 0 is no answer at all.
_PASSING: Final = frozenset(
    (
        0,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
)
_PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each further try


class Patient:
    """A sender that tries again: every request of a scan may be repeated, for none counts or adds up.

    A server that never answered is not waited for: its address is wrong more often than it is ill.
    """

    def __init__(self, sender: Sender, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sender = sender
        self._sleep = sleep
        self._answered = False
        self.server = sender.server

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send one request and return the object that it answers.

        Raises:
            ClusterError: it is denied for good, or still after half a minute.
        """
        for pause in _PAUSES:
            try:
                answer = self._sender.send(method, path, query, body, content_type)
            except ClusterError as error:
                self._answered = self._answered or error.status != 0
                if error.status not in _PASSING or not self._answered:
                    raise
            else:
                self._answered = True
                return answer
            self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that shards do not come back together
        return self._sender.send(method, path, query, body, content_type)
