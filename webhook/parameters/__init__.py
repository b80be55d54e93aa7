"""How a policy's values are read by marshmallow, and how its JSON Schema describes them."""

from webhook.parameters.containers import Items, Record
from webhook.parameters.patterns import GlobMap, TextMap, globs, reference_globs
from webhook.parameters.scalars import Bool, Choice, Count, Parameter, Quantity, Schema, Sentence
from webhook.parameters.understanding import understand

__all__ = [
    "Bool",
    "Choice",
    "Count",
    "GlobMap",
    "Items",
    "Parameter",
    "Quantity",
    "Record",
    "Schema",
    "Sentence",
    "TextMap",
    "globs",
    "reference_globs",
    "understand",
]
