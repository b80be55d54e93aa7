"""Every warning, listed here once by its name; the checks are imported when they are used, not to know their names."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from webhook.parameters import Choice

if TYPE_CHECKING:
    from webhook.policy.lint.warning import Lint

_LINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "importer-not-exempt": "exemptions:ImporterNotExempt",
        "implicit-existing": "writing:ImplicitExisting",
        "empty-match": "redundant:EmptyMatch",
        "shadowed-entry": "redundant:ShadowedEntry",
        "missing-internal-registry": "writing:MissingInternalRegistry",
        "rule-named-as-kind": "writing:RuleNamedAsKind",
        "exemption-without-annotation": "exemptions:ExemptionWithoutAnnotation",
        "denied-default": "defaulting:DeniedDefault",
        "overrides-cluster-default": "defaulting:OverridesClusterDefault",
        "nothing-to-evaluate": "unread:NothingToEvaluate",
        "alias-bypass": "aliases:AliasBypass",
        "unguarded-immutable": "unseen:UnguardedImmutable",
    }
)


def names() -> list[str]:
    """Return the names of the warnings, in their order."""
    return list(_LINTS)


def lints() -> "list[Lint]":
    """Return the checks, in their order."""
    found = (where.partition(":") for where in _LINTS.values())
    return [getattr(import_module(f"webhook.policy.lint.{module}"), name)() for module, _, name in found]


class WarningName(Choice):
    """The name of a warning."""

    def __init__(self) -> None:
        super().__init__(*names())
