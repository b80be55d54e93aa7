"""The names in the CEL of a rule: a tag, its image, its stream. No rule knows the resource of a tag.

`webhook.vap` binds each name to an expression, and evaluates the same CEL for the new and the old side of a change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from webhook.globs.matching import ReferenceGlob
from webhook.resources.cel import literal, reference_matches

_HOLE: Final = "\0"  # around an expression in a message; a policy cannot contain it
EACH: Final = "k"  # the variable of one of several strings of a tag, such as the names of its annotations


class Subject(Enum):
    """The subject of a Denial."""

    TAG = "a tag that is set"
    IMAGE = "the DockerImage that a tag is set to"
    REMOVED = "a tag that is removed"
    OVERWRITTEN = "a tag that the followed repository may overwrite"
    STREAM = "an image stream"
    EVERY_TAG = "all tags of a stream whose annotation makes imports insecure"


@dataclass(frozen=True, slots=True)
class Denial:
    """One message of a rule, in CEL.

    Attributes:
        wrong: an expression: whether the subject violates the rule.
        field: an expression: the JSON path of the field with the violation.
        message: the message, with `value` and `quote` in place of values.
        subject: the subject of the message.
        each: an expression: the strings of a tag that `wrong` evaluates one by one as `EACH`, "" for the tag itself.
        introduced: whether the change always introduces it, so that the old object does not matter.
    """

    wrong: str
    field: str
    message: str
    subject: Subject = Subject.TAG
    each: str = ""
    introduced: bool = False


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """Why CEL cannot express a rule."""

    reason: str


@dataclass(frozen=True, slots=True)
class Annotations:
    """The annotations of a tag: CEL cannot merge maps, so there are two expressions, and the first has precedence."""

    first: str
    rest: str

    def has(self, key: str) -> str:
        """Return whether the annotation `key`, an expression, is set."""
        return f"({key} in {self.first} || {key} in {self.rest})"

    def value(self, key: str) -> str:
        """Return the annotation `key`, an expression, which must be set."""
        return f"({key} in {self.first} ? {self.first}[{key}] : {self.rest}[{key}])"

    @property
    def names(self) -> str:
        """The names of all annotations."""
        return f"({self.first}.map(k, k) + {self.rest}.filter(k, !(k in {self.first})))"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: each attribute is an expression, named as in TagReference and Source.

    Attributes:
        path: the JSON path of the tag.
        fields: the JSON paths of fields that are not below `path` under their own name, by name.
        every: whether it stands for all tags of a repository.
        kind: the kind of its source, "" without a source.
        source: the name of its source.
        written: its source as in messages.
    """

    name: str
    path: str
    fields: Mapping[str, str]
    every: str
    kind: str
    source: str
    source_namespace: str
    written: str
    insecure: str
    scheduled: str
    import_mode: str
    reference_policy: str
    reference: str
    annotations: Annotations

    def field(self, name: str) -> str:
        """Return the JSON path of a field of the tag."""
        return self.fields.get(name) or f"{self.path} + {literal(f'.{name}')}"


@dataclass(frozen=True, slots=True)
class Image:
    """The parsed reference of a tag's DockerImage: each attribute is an expression.

    Attributes:
        of: the tag.
        valid: whether the reference can be parsed; otherwise only `sent` and `fault` have a value.
        sent: the reference as it was sent.
        fault: why it cannot be parsed.
        tag: the tag that is pulled, "" if there is only a digest.
        insecure_riders: how many insecure imports of the same request are from the same registry.
        rider_field: the JSON path of the field that makes the first of them insecure.
    """

    of: Tag
    valid: str
    sent: str
    fault: str
    registry: str
    repository: str
    tag: str
    digest: str
    insecure_riders: str
    rider_field: str

    @property
    def name(self) -> str:
        """The registry and the repository."""
        return f'{self.registry} + "/" + {self.repository}'

    def matches(self, globs: Iterable[ReferenceGlob]) -> str:
        """Return whether one of `globs` matches the image."""
        return reference_matches(self.registry, self.repository, globs)


@dataclass(frozen=True, slots=True)
class Stream:
    """An image stream: each attribute is an expression.

    Attributes:
        lookup_local: `lookupPolicy.local`.
        tags: how many tags it has.
        fewer: whether the change leaves it fewer tags.
        insecure: whether an annotation makes all of its imports insecure.
        insecure_field: the JSON path of the annotation.
    """

    lookup_local: str
    tags: str
    fewer: str
    insecure: str
    insecure_field: str


@dataclass(frozen=True, slots=True)
class Terms:
    """All names of one side of a change; each attribute that is text is an expression.

    Attributes:
        tag: the tag.
        image: the image of the tag.
        stream: the stream of the tag.
        namespace: the namespace of the stream.
        moved: whether the tag had another source before.
        before: the old tag, if it moved.
        rides: whether another import of the request makes that of the tag insecure.
        old_unknown: whether the request lacks the old tag.
        removed_field: the JSON path of removed tags.
        followed: the name of the source that the followed repository gives to the tag.
        follows: whether that is the source of the tag already.
        followed_field: the JSON path of the followed repository.
        past: the variable with the old object; "" for the new object.
    """

    tag: Tag
    image: Image
    stream: Stream
    namespace: str
    moved: str
    before: Tag
    rides: str
    old_unknown: str
    removed_field: str
    followed: str
    follows: str
    followed_field: str
    past: str = ""

    def untrue(self, expression: str) -> str:
        """Return whether an expression of a policy, which reads `object`, is not true of this side."""
        untrue = f"!({expression})"
        return f"[{self.past}].exists(object, {untrue})" if self.past else untrue


def value(expression: str) -> str:
    """Return the place in a message for the value of an expression, a string."""
    return f"{_HOLE}{expression}{_HOLE}"


def quote(expression: str) -> str:
    """Return the place in a message for the value of an expression, a string, in double quotes."""
    return f'"{value(expression)}"'


def sentence(field: str, message: str) -> str:
    """Return the expression for a field, a colon and a message."""
    parts = f"{_HOLE}{field}{_HOLE}: {message}".split(_HOLE)
    return " + ".join(literal(part) if index % 2 == 0 else part for index, part in enumerate(parts) if part)
