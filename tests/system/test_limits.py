"""The bounds of a review in a real server: what is too large is turned away, and the largest takes little memory."""

import json
import re
from pathlib import Path
from typing import Any, Final

from tests.support import shapes
from tests.support.serving import serving

from webhook.schemas.envelope import MOST_CONTAINERS

_MEMORY: Final = 256  # MiB


def _written(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_real_server(tmp_path: Path) -> None:
    """A real server turns away what is too large, denies a stream of 16,000 tags with a bounded answer, and takes little memory for it."""
    denied = _written(shapes.findings(16_000))
    with serving(tmp_path, "--workers", "1", "--record-level", "request") as server:
        (worker,) = server.workers()
        for endpoint in ("/validate", "/mutate"):
            status, answer = server.post(b"[" * (MOST_CONTAINERS + 1), endpoint)
            assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")
        status, answer = server.post(denied)
        assert (status, answer["response"]["allowed"]) == (200, False)
        assert len(answer["response"]["status"]["details"]["causes"]) == 100
        assert answer["response"]["status"]["message"].endswith(" more")
        held = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{worker}/status").read_text(), re.MULTILINE)
        assert held is not None
        assert int(held[1]) < _MEMORY * 2**10
