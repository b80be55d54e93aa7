"""A bounded load of which every request is counted, and every answer compared with its record."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

from tests.support.builders import docker, review_of
from tests.support.serving import Server, until

TRUSTED, OTHER = "quay.io/acme/app:1", "registry.example/app:1"


class Hammer:
    """Clients that post one numbered review after the other, every second one with a denied image.

    Attributes:
        answers: uids with their status and whether they were allowed (None where that is not said).
        lost: requests that got no answer, for their connection ended.
    """

    def __init__(self, server: Server, callers: int = 4) -> None:
        self.answers: dict[str, tuple[int, bool | None]] = {}
        self.lost: list[str] = []
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        try:
            self.more("the load")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self, caller: int) -> None:
        connection = self._server.connect()
        number = 0
        while not self._stop.is_set():
            number += 1
            refused = number % 2 == 1
            uid = f"{'other' if refused else 'trusted'}-{caller}-{number}"
            body = json.dumps(review_of(docker(OTHER if refused else TRUSTED), uid=uid)).encode()
            try:
                status, answer = self._server.post(body, connection=connection)
            except (OSError, http.client.HTTPException):
                self.lost.append(uid)
                connection.close()
                connection = self._server.connect()
                continue
            self.answers[uid] = (status, answer.get("response", {}).get("allowed"))
        connection.close()

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(status for status, _ in tuple(self.answers.values()))

    @property
    def counted(self) -> dict[str, int]:
        """How many requests were sent, got no answer, and were answered something else than 200."""
        statuses = self.statuses
        requests = statuses.total() + len(self.lost)
        return {"requests": requests, "lost": len(self.lost), "failed": statuses.total() - statuses[200]}

    def more(self, what: str, status: int = 200, count: int = 20) -> float:
        """Wait for `count` more answers of a status; return the seconds until there was the first of them."""
        before, started = self.statuses[status], time.monotonic()
        until(lambda: self.statuses[status] > before, f"an answer {status}: {what}", 60)
        first = time.monotonic() - started
        until(lambda: self.statuses[status] >= before + count, f"{count} answers {status}: {what}", 60)
        return first

    def allowed(self) -> set[str]:
        """Return the uids that were allowed."""
        return {uid for uid, (_, allowed) in tuple(self.answers.items()) if allowed}

    def hold(self, records: Iterable[bytes]) -> None:
        """Hold every answer against its record: each 200 has one, whole, that says the same; nothing wrong was allowed."""
        recorded: dict[str, Any] = {}
        for line in records:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # torn; if it was answered 200 it is missed below
            if record.get("kind", "decision") != "decision":  # an earlier version writes no kind
                continue
            assert record["uid"] not in recorded
            recorded[record["uid"]] = record["verdict"] != "deny"
        assert {uid for uid in self.allowed() if uid.startswith("other")} == set()
        said = {uid: allowed for uid, (status, allowed) in self.answers.items() if status == 200}
        assert {uid: recorded.get(uid) for uid in said} == said
        assert set(recorded) - set(said) <= set(self.lost) | {
            uid for uid, (status, _) in self.answers.items() if status != 200
        }
