"""How a policy's values are read by marshmallow, and how its JSON Schema describes them."""

from webhook.parameters.containers import Items, Record
from webhook.parameters.parsing import parse
from webhook.parameters.patterns import GlobMap, NameText, TextMap, globs, reference_globs
from webhook.parameters.scalars import (
    Anything,
    Bool,
    Choice,
    Count,
    Object,
    Parameter,
    Quantity,
    Schema,
    Sentence,
    Text,
    shown,
)

__all__ = [
    "Anything",
    "Bool",
    "Choice",
    "Count",
    "GlobMap",
    "Items",
    "NameText",
    "Object",
    "Parameter",
    "Quantity",
    "Record",
    "Schema",
    "Sentence",
    "Text",
    "TextMap",
    "globs",
    "parse",
    "reference_globs",
    "shown",
]
