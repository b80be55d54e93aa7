"""Every warning, listed here once."""

from typing import Final

from webhook.policy.lint.aliases import AliasBypass
from webhook.policy.lint.defaulting import DeniedDefault, OverridesClusterDefault
from webhook.policy.lint.exemptions import ExemptionWithoutAnnotation, ImporterNotExempt
from webhook.policy.lint.redundant import EmptyMatch, ShadowedEntry
from webhook.policy.lint.unread import NothingToEvaluate
from webhook.policy.lint.unseen import UnguardedImmutable
from webhook.policy.lint.warning import Lint
from webhook.policy.lint.writing import ImplicitExisting, MissingInternalRegistry, RuleNamedAsKind

LINTS: Final[tuple[Lint, ...]] = (
    ImporterNotExempt(),
    ImplicitExisting(),
    EmptyMatch(),
    ShadowedEntry(),
    MissingInternalRegistry(),
    RuleNamedAsKind(),
    ExemptionWithoutAnnotation(),
    DeniedDefault(),
    OverridesClusterDefault(),
    NothingToEvaluate(),
    AliasBypass(),
    UnguardedImmutable(),
)


def names() -> list[str]:
    """Return the names of the warnings, in their order."""
    return [lint.name for lint in LINTS]
