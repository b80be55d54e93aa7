"""Objects of image.openshift.io/v1 as the API server completes them, and the objects of a probe.

The API server's decoder, defaulting and strategies change an object before it calls validating webhooks, as seen in
recorded reviews. The defaults are those of openshift-apiserver, pkg/image/apis/image/v1/defaults.go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from webhook.model.review import Review
from webhook.model.tag import NOTHING
from webhook.resources.parsing import mapping
from webhook.schemas.schema import Document

GROUP: Final = "image.openshift.io"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
# The API server's defaults; an administrator can choose another import mode (image.config.openshift.io/cluster).
IMPORT_MODE: Final = "Legacy"
REFERENCE_POLICY: Final = "Source"
Object = Mapping[str, Any]
IMAGE: Final[Object] = MappingProxyType(
    {"metadata": {}, "dockerImageMetadata": None, "dockerImageMetadataVersion": "1.0"}
)
LOOKUP: Final[Object] = MappingProxyType({"local": False})
_TAG: Final[Object] = MappingProxyType({"name": "", "annotations": None, "generation": None})


def made(schema: type[Document], namespace: str, name: str, annotations: Any = None, **fields: Any) -> dict[str, Any]:
    """Return an object of the type `schema`, with `fields` in addition to its metadata."""
    metadata = {"namespace": namespace, "name": name, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": API_VERSION, "kind": schema.__name__, "metadata": metadata, **fields}


def is_object(value: Any) -> TypeGuard[Object]:
    """Whether `value` is a JSON object."""
    return isinstance(value, dict)


def with_defaults(tag: Any) -> Any:
    """Return a TagReference with the API server's defaults."""
    return with_policies({**_TAG, **tag}) if is_object(tag) else tag


def named_tag(tag: Any, manifest: Object) -> Any:
    """Return the only tag of an object with its defaults; its default name is the object's."""
    tag = with_defaults(tag)
    if not is_object(tag) or tag["name"]:
        return tag
    name = mapping(manifest.get("metadata")).get("name")
    return {**tag, "name": name.partition(":")[2] or "latest" if isinstance(name, str) else ""}


def with_policies(value: Object) -> dict[str, Any]:
    """Return an import with the defaults of its import policy and reference policy."""
    return {
        **value,
        "importPolicy": _filled(value.get("importPolicy"), "importMode", IMPORT_MODE),
        "referencePolicy": _filled(value.get("referencePolicy"), "type", REFERENCE_POLICY),
    }


def _filled(policy: Any, field: str, value: str) -> Any:
    """Return a policy whose `field` has the API server's default if unset."""
    if policy is None:
        return {field: value}
    return {**policy, field: policy.get(field) or value} if is_object(policy) else policy


def with_status(filled: dict[str, Any], old: Object, **created: Any) -> dict[str, Any]:
    """Return an object with the fields that users cannot write.

    Args:
        filled: the object.
        old: the object that it replaces, with the values of the fields; empty for a creation.
        created: the fields of a created object, None for an absent field.
    """
    for key, value in created.items():
        found = old.get(key, value) if old else value
        filled.pop(key, None)
        if found is not None:
            filled[key] = found
    return filled


# The mark of a request of `istag-webhook probe`, and the rule that denies it under every policy, for every user.
PROBE: Final = "istag-webhook/probe"
PROBE_RULE: Final = "istag-webhook-probe"
PROBE_STREAM: Final = "istag-webhook-probe"
IMPOSSIBLE: Final = "istag-webhook..probe"  # a path segment, but no image stream can have this name
DIGEST: Final = f"sha256:{0:064x}"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a probe.

    Attributes:
        namespace: the namespace of the requests.
        word: a word that marks the requests of this run and no others; lower-case letters and digits.
        stream: an image stream of the namespace as the API server lists it, None if there is none.
    """

    namespace: str
    word: str
    stream: Object | None = None

    @property
    def absent(self) -> str:
        """The name of an image stream that does not exist."""
        return f"{PROBE_STREAM}-{self.word}"

    @property
    def tag(self) -> dict[str, Any]:
        """A tag without a source, with the API server's defaults."""
        return dict(with_defaults({"name": f"probe-{self.word}"}))

    def object(self, schema: type[Document], name: str, **fields: Any) -> dict[str, Any]:
        """Return an object with the mark of the run."""
        return made(schema, self.namespace, name, {PROBE: self.word}, **fields)


def marked(review: Review) -> tuple[str, str] | None:
    """Return the mark of a probe in a review's object and the field with it, None without a mark."""
    if PROBE in mapping(mapping((review.object or NOTHING).get("metadata")).get("annotations")):
        return f"the annotation {PROBE}", "metadata.annotations"
    return None


def always(_: Object) -> bool:
    """Whether the webhooks were called before the answer: always."""
    return True


@dataclass(frozen=True, slots=True)
class Probe:
    """How `istag-webhook probe` checks that the API server calls the webhook for a resource.

    Only a webhook can deny the request, and without one it is not stored either. A dry run is not enough:
    openshift-apiserver carries out a dry run of an import or a mapping. So the request also fails in the API server,
    after all webhooks were called (openshift-apiserver 4.22, observed). The API server denies none before.

    The objects are minimal, so that no other policy of the cluster denies them: tags without a source, an import to no
    tag, an image of the internal registry.

    Attributes:
        object: returns the object to send, None if it needs an image stream and there is none.
        kinds: the kinds of objects in the API server's errors after all webhooks were called, in lower case, singular.
        denials: the HTTP codes of such answers, each with a function that recognizes the answer (meta/v1, Status).
        replaces: whether the request replaces an existing object.
        mark: returns the mark of a probe in a review, and the field with it.
    """

    object: Callable[[Run], dict[str, Any] | None]
    kinds: frozenset[str]
    denials: Mapping[int, Callable[[Object], bool]]
    replaces: bool = False
    mark: Callable[[Review], tuple[str, str] | None] = marked

    def came_after(self, status: int, answer: Object) -> bool:
        """Whether the API server denied the request after it had called every webhook.

        Its own validation of the object precedes the validating webhooks (422, with the kind of the sent object).

        Args:
            status: the HTTP code.
            answer: the Status, empty if there is none.
        """
        kind = str(mapping(answer.get("details")).get("kind") or "").lower().removesuffix("s")
        denied = self.denials.get(status)
        return kind in self.kinds and denied is not None and denied(answer)
