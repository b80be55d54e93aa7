"""Answer one body, given as a file, in a process of its own, and print what that took as JSON: `python tests/largest.py FILE`.

`statuses` of `/validate` and `/mutate`, `seconds` of CPU for the slower of the two, `memory` in MiB of the whole process.
"""

import json
import logging
import sys
import time
from pathlib import Path

from support import Lines

from webhook.policy.loading import load
from webhook.service.app import Service, create_app
from webhook.service.metrics import Metrics


def main(path: Path) -> None:
    """Answer the body in `path`, and print what it took."""
    logging.disable()
    policy, lines = load(), Lines()
    app = create_app(Service(lambda: policy, lines, Metrics(), version="0", level="request"))
    data, took, statuses = path.read_bytes(), [], []
    for endpoint in ("/validate", "/mutate"):
        tries = []
        for _ in range(3):  # another process may disturb one of them
            before = time.process_time()
            statuses.append(app.test_client().post(endpoint, data=data, content_type="application/json").status_code)
            tries.append(time.process_time() - before)
            lines.lines.clear()
        took.append(min(tries))
    # What getrusage says begins with the memory of the process that started this one (proc(5), VmHWM).
    status = Path("/proc/self/status").read_text()
    memory = int(status.partition("VmHWM:")[2].split()[0]) // 2**10
    print(json.dumps({"statuses": sorted(set(statuses)), "seconds": max(took), "memory": memory}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
