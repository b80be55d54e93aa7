"""Many reviews, none of which is like another, over kept connections."""

import json
import re
import socket
import ssl
import threading
from collections import Counter
from itertools import count
from typing import Self

from tests.support.builders import REVIEWS, docker, review_of
from tests.support.serving import Server

BATCH = 25  # requests that are sent on a connection without waiting, so that the client costs little
_RECORDED = [
    (path.read_bytes(), "/mutate" if ".1-mutate" in path.name else "/validate")
    for path in sorted(REVIEWS.glob("*-*.json"))
    if "expected" not in path.name and path.stat().st_size < 16_384
]


class Callers:
    """Kept connections that send requests in batches, each request another review than any before."""

    def __init__(self, server: Server, connections: int = 4) -> None:
        numbers = count()
        self._callers = [_Caller(server, numbers) for _ in range(connections)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for caller in self._callers:
            caller.connection.close()

    def send(self, requests: int) -> None:
        """Send about as many requests, and read their answers."""
        each = requests // BATCH // len(self._callers)
        threads = [threading.Thread(target=caller.send, args=(each,)) for caller in self._callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @property
    def statuses(self) -> Counter[bytes]:
        """How often each status was answered."""
        return sum((caller.statuses for caller in self._callers), Counter())


class _Caller:
    """One of the connections."""

    def __init__(self, server: Server, numbers: "count[int]") -> None:
        context = ssl.create_default_context(cafile=server.ca)
        self.connection = context.wrap_socket(
            socket.create_connection(("127.0.0.1", server.port), timeout=60), server_hostname="localhost"
        )
        self._numbers = numbers
        self.statuses: Counter[bytes] = Counter()

    def send(self, batches: int) -> None:
        """Send some batches, and read their answers."""
        for _ in range(batches):
            self.connection.sendall(b"".join(_request(next(self._numbers)) for _ in range(BATCH)))
            answers = b""
            while _complete(answers) < BATCH:
                part = self.connection.recv(2**18)
                assert part, "the server closed the connection"
                answers += part
            self.statuses.update(re.findall(rb"HTTP/1\.1 (\d+)", answers))


def _complete(answers: bytes) -> int:
    """Return how many whole answers there are."""
    found = at = 0
    while (end := answers.find(b"\r\n\r\n", at)) >= 0:
        (length,) = re.findall(rb"content-length: (\d+)", answers[at:end], re.IGNORECASE)
        at = end + 4 + int(length)
        if at > len(answers):
            break
        found += 1
    return found


def _request(number: int) -> bytes:
    """Return a request: a recorded review, or one whose every name was never seen before."""
    if number % 4 == 0:
        body, path = _RECORDED[number // 4 % len(_RECORDED)]
    else:
        document = review_of(
            docker(f"registry-{number}.example/team-{number}/app:{number}"),
            name=f"app-{number}:live",
            namespace=f"team-{number}",
            uid=f"uid-{number}",
            userInfo={"username": f"user-{number}", "groups": [f"group-{number}"]},
        )
        body, path = json.dumps(document).encode(), ("/validate", "/mutate")[number % 2]
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
