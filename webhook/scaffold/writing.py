"""Values as YAML."""

import json
from collections.abc import Iterable


def flow(values: Iterable[str]) -> str:
    """Return a list in flow style; each text is in double quotes, which are the same in YAML and JSON."""
    return f"[{', '.join(map(json.dumps, values))}]"
