"""The warnings about a policy in the log of a server."""

from logging import Logger
from typing import Final

from webhook.policy import Policy
from webhook.policy.lint.reported import PolicyWarning, lint

_MOST: Final = 50  # lines for one policy


def log_warnings(policy: Policy, log: Logger) -> tuple[PolicyWarning, ...]:
    """Check `policy`, and log a line for each warning, for the first 50 of many.

    Returns:
        All warnings. None if the check itself fails, which is logged: a policy that can be used is used.
    """
    try:
        found = lint(policy).warnings
    except Exception:  # logged with its traceback
        log.exception("the policy could not be checked for warnings", extra={"policy": str(policy)})
        return ()
    for warning in found[:_MOST]:
        log.warning(
            "policy warning",
            extra={
                "warning": warning.name,
                "entry": warning.entry,
                "place": warning.fault.place,
                "path": warning.fault.path,
                "sentence": warning.fault.message,
            },
        )
    if len(found) > _MOST:
        log.warning("more policy warnings", extra={"policy": str(policy), "count": len(found) - _MOST})
    return found
