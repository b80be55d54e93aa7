"""What a tag must be: one class a rule kind, listed here once."""

from typing import Final

from webhook.rules.base import Rule
from webhook.rules.cluster import Conditions, Schema
from webhook.rules.expression import Expression
from webhook.rules.image import ImageSize, Labels, Platforms, Signatures
from webhook.rules.naming import Annotations, Immutable, TagName
from webhook.rules.policies import ImportPolicy, ReferencePolicy
from webhook.rules.source import CrossNamespace, Pin, Registries, SourceKinds
from webhook.rules.stream import LookupPolicy, TagLimit

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
