"""All rule kinds, in the order in which a policy lists them."""

from typing import Final

from webhook.rules.base import Rule
from webhook.rules.cluster import Conditions, ImageSize, Labels, Platforms, Schema, Signatures
from webhook.rules.expression import Expression
from webhook.rules.policies import ImportPolicy, LookupPolicy, ReferencePolicy
from webhook.rules.source import CrossNamespace, Pin, Registries, SourceKinds
from webhook.rules.tags import Annotations, Immutable, TagLimit, TagName

KINDS: Final[tuple[type[Rule], ...]] = (
    Schema,
    SourceKinds,
    Registries,
    Pin,
    CrossNamespace,
    ImportPolicy,
    ReferencePolicy,
    LookupPolicy,
    TagName,
    TagLimit,
    Immutable,
    Annotations,
    Labels,
    Platforms,
    ImageSize,
    Signatures,
    Conditions,
    Expression,
)
