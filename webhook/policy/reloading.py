"""The policy as it is now: read again when its files change, and never worse than the last good one."""

from pathlib import Path

from webhook.files import Signature, signature
from webhook.policy.loading import Policy, load, sources


class PolicySource:
    """Holds the last good policy of some files; reading it is safe from any thread."""

    def __init__(self, *paths: Path) -> None:
        """Load the policy.

        Raises:
            PolicyError: with every fault.
        """
        self._paths = paths
        self._signature = self._sign()
        self._current = load(*paths)
        self._refused = False

    @property
    def current(self) -> Policy:
        """The last good policy."""
        return self._current

    @property
    def refused(self) -> bool:
        """Whether what stands in the files now was denied, and an older policy stands in for it."""
        return self._refused

    def refresh(self) -> bool:
        """Load the policy again if its files changed; whether there is a new one.

        Raises:
            PolicyError: with every fault, once for each change; the last good policy stays.
        """
        found = self._sign()
        if found == self._signature:
            return False
        self._signature = found
        before = self._current.digest
        self._refused = True
        self._current = load(*self._paths)
        self._refused = False
        return self._current.digest != before

    def _sign(self) -> Signature:
        try:
            return signature(sources(*self._paths))
        except OSError as error:
            return ((str(error),),)
