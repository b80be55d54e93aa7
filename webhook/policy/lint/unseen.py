"""Rules that promise more than admission reviews show."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.policy.lint.warning import Hit, Lint, PolicyView
from webhook.rules.tags import Immutable


@dataclass(frozen=True, slots=True)
class UnguardedImmutable(Lint):
    """An enforced `immutable` rule sees every write of a tag, but not everything that moves one.

    A DELETE of an imagestreamtag or imagetag (`oc tag -d`) reaches no webhook, and the tag can then be created anew.
    The review of a tag does not show whether its stream awaits the import of a repository that it follows, which sets
    the tag again.
    """

    name: ClassVar[str] = "unguarded-immutable"
    remedy: ClassVar[str] = (
        "Withhold `delete` on imagestreamtags and imagetags by RBAC, follow no repository in these streams, "
        "and ignore the warning."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each enforced rule of the kind `immutable`."""
        for entry in policy.enforced:
            if isinstance(entry.rule, Immutable):
                yield Hit(
                    entry.name,
                    entry.rule.kind,
                    "deleting a tag reaches no webhook, so it can be deleted and created anew; guard deletion by RBAC",
                )
