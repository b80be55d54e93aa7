"""The warnings about a policy in the log of a server."""

from logging import Logger
from typing import Final

from webhook.policy import Policy
from webhook.policy.lint.reported import PolicyWarning, lint

_MOST: Final = 50  # lines for one policy


def warnings_of(policy: Policy, log: Logger) -> tuple[PolicyWarning, ...]:
    """Return the warnings about `policy`; none if the check fails, which is logged: the policy is used all the same."""
    try:
        return lint(policy).warnings
    except Exception:  # logged with its traceback
        log.exception("the policy could not be checked for warnings", extra={"policy": str(policy)})
        return ()


def log_warnings(policy: Policy, log: Logger) -> tuple[PolicyWarning, ...]:
    """Check `policy`, and log a line for each warning, for the first 50 of many.

    Returns:
        All warnings, as `warnings_of` does.
    """
    found = warnings_of(policy, log)
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
