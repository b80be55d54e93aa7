"""The current policy, reloaded when its files change."""

from pathlib import Path

from webhook.files import Signature, signature
from webhook.policy.loading import Policy, load, sources


class PolicySource:
    """The last valid policy of some files; thread-safe."""

    def __init__(self, *paths: Path) -> None:
        """Load the policy.

        Raises:
            PolicyError: with every fault.
        """
        self._paths = paths
        self._signature = self._sign()
        self._current = load(*paths)
        self._rejected = False

    @property
    def current(self) -> Policy:
        """The last valid policy."""
        return self._current

    @property
    def rejected(self) -> bool:
        """Whether the files contain an invalid policy, so that an older policy is in use."""
        return self._rejected

    def refresh(self) -> bool:
        """Reload the policy if its files changed; return whether there is a new policy.

        Raises:
            PolicyError: with every fault, once for each change; the last valid policy stays in use.
        """
        found = self._sign()
        if found == self._signature:
            return False
        self._signature = found
        before = self._current.digest
        self._rejected = True
        self._current = load(*self._paths)
        self._rejected = False
        return self._current.digest != before

    def _sign(self) -> Signature:
        try:
            return signature(sources(*self._paths))
        except OSError as error:
            return ((str(error),),)
