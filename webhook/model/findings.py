"""The findings of a review while it is evaluated: each once, and no more than an answer can hold."""

from webhook.model.decision import Finding, Mode


class Findings:
    """Findings as they come.

    A change that breaks a rule may do so ten thousand times, and its answer names a hundred. Once there are enough,
    only what still decides is looked for: the first finding in `enforce`.

    Attributes:
        denied: whether one of them denies the review.
        cut: whether there may be more than are kept.
    """

    __slots__ = ("_kept", "_most", "cut", "denied")

    def __init__(self, most: int | None = None) -> None:
        """Begin without any.

        Args:
            most: how many are kept, all if None.
        """
        self._most, self._kept = most, dict[Finding, tuple[int, int]]()
        self.denied = self.cut = False

    @property
    def full(self) -> bool:
        """Whether there are enough."""
        return self._most is not None and len(self._kept) >= self._most

    @property
    def settled(self) -> bool:
        """Whether there are enough, and the answer is known."""
        return self.denied and self.full

    def add(self, finding: Finding, change: int, rule: int) -> None:
        """Take up a finding: what is found of a stream is found again of each of its tags, and counts once.

        Args:
            finding: the finding.
            change: the place of its change in the review.
            rule: the place of its rule in the policy.
        """
        if finding in self._kept:
            return
        decides = finding.mode is Mode.ENFORCE and not self.denied
        if self.full and not decides:
            self.cut = True
            return
        self.denied = self.denied or decides
        self._kept[finding] = change, rule

    def sorted(self) -> tuple[Finding, ...]:
        """Return the findings, by change and rule."""
        return tuple(sorted(self._kept, key=self._kept.__getitem__))
