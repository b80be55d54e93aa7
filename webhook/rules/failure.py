"""What the CEL engine raises, as sentences for people."""

import re
from typing import Final

from webhook.text import quoted

_UNDEFINED: Final = re.compile(r"Undefined variable or function: '([\w.]+)'")
_FAILED: Final = re.compile(r"Function '([\w.]+)' error")
_OTHER_TYPE: Final = "a value is null or has another type than the expression expects"
_UNKNOWN: Final = "the CEL engine failed, please report this"
_SENTENCES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (IndexError, "an index is outside of its list"),
    (ZeroDivisionError, "it divides by zero"),
    (OverflowError, "a number does not fit into 64 bits"),
    (TypeError, _OTHER_TYPE),
)


def sentence(error: BaseException) -> str:
    """Return why an expression could not be evaluated, from what the engine raised."""
    if isinstance(error, TimeoutError):
        return str(error)
    if isinstance(error, KeyError):
        return f"{quoted(str(error.args[0]))} is not there; test for it with has() or in first"
    if isinstance(error, RuntimeError) and (found := _UNDEFINED.search(str(error))):
        return f"{found[1]} was given a value that is null or has another type than it takes"
    if isinstance(error, RuntimeError) and (found := _FAILED.search(str(error))):
        return f"{found[1]} cannot take the value that it was given"
    return next((text for kind, text in _SENTENCES if isinstance(error, kind)), _UNKNOWN)
