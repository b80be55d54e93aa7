"""Objects of image.openshift.io/v1 as the API server completes them, and those that a probe sends.

The API server's decoder, defaulting and strategies change an object before it calls validating webhooks. They were seen
in recorded reviews; the defaults are those of openshift-apiserver, pkg/image/apis/image/v1/defaults.go.
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
# What the API server fills in; an administrator can choose another import mode (image.config.openshift.io/cluster).
IMPORT_MODE: Final = "Legacy"
REFERENCE_POLICY: Final = "Source"
Object = Mapping[str, Any]
IMAGE: Final[Object] = MappingProxyType(
    {"metadata": {}, "dockerImageMetadata": None, "dockerImageMetadataVersion": "1.0"}
)
LOOKUP: Final[Object] = MappingProxyType({"local": False})
_TAG: Final[Object] = MappingProxyType({"name": "", "annotations": None, "generation": None})


def made(schema: type[Document], namespace: str, name: str, annotations: Any = None, **fields: Any) -> dict[str, Any]:
    """Return an object of the type that `schema` describes, with `fields` beside its metadata."""
    metadata = {"namespace": namespace, "name": name, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": API_VERSION, "kind": schema.__name__, "metadata": metadata, **fields}


def is_object(value: Any) -> TypeGuard[Object]:
    """Whether `value` is a JSON object."""
    return isinstance(value, dict)


def with_defaults(tag: Any) -> Any:
    """Return a TagReference with the API server's defaults."""
    return with_policies({**_TAG, **tag}) if is_object(tag) else tag


def named_tag(tag: Any, manifest: Object) -> Any:
    """Return the only tag of an object with its defaults; without a name it takes the object's."""
    tag = with_defaults(tag)
    if not is_object(tag) or tag["name"]:
        return tag
    name = mapping(manifest.get("metadata")).get("name")
    return {**tag, "name": name.partition(":")[2] or "latest" if isinstance(name, str) else ""}


def with_policies(value: Object) -> dict[str, Any]:
    """Return what is imported, with the defaults of its import policy and reference policy."""
    return {
        **value,
        "importPolicy": _filled(value.get("importPolicy"), "importMode", IMPORT_MODE),
        "referencePolicy": _filled(value.get("referencePolicy"), "type", REFERENCE_POLICY),
    }


def _filled(policy: Any, field: str, value: str) -> Any:
    """Return a policy whose `field` has the API server's default if it is unset."""
    if policy is None:
        return {field: value}
    return {**policy, field: policy.get(field) or value} if is_object(policy) else policy


def with_status(filled: dict[str, Any], old: Object, **created: Any) -> dict[str, Any]:
    """Return an object with the fields that users cannot write.

    Args:
        filled: the object.
        old: the object that it replaces, empty if it is created; the fields are taken from it.
        created: the fields of an object that is created, None for a field that is absent.
    """
    for key, value in created.items():
        found = old.get(key, value) if old else value
        filled.pop(key, None)
        if found is not None:
            filled[key] = found
    return filled


# What marks a request of `istag-webhook probe`, and the rule that denies it: under every policy, and for every user.
PROBE: Final = "istag-webhook/probe"
PROBE_RULE: Final = "istag-webhook-probe"
PROBE_STREAM: Final = "istag-webhook-probe"
IMPOSSIBLE: Final = "istag-webhook..probe"  # a path segment, but no image stream can have this name
DIGEST: Final = f"sha256:{0:064x}"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a probe.

    Attributes:
        namespace: where the requests go.
        word: what marks the requests of this run and no others; lower-case letters and digits.
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
        """Return an object that is marked as the run's."""
        return made(schema, self.namespace, name, {PROBE: self.word}, **fields)


def marked(review: Review) -> tuple[str, str] | None:
    """Return what marks a review's object as a probe's and the field that holds it, None if nothing does."""
    if PROBE in mapping(mapping((review.object or NOTHING).get("metadata")).get("annotations")):
        return f"the annotation {PROBE}", "metadata.annotations"
    return None


def always(_: Object) -> bool:
    """Whatever the API server answers, the webhooks were called before."""
    return True


@dataclass(frozen=True, slots=True)
class Probe:
    """How `istag-webhook probe` asks whether the API server calls the webhook for a resource.

    Only a webhook can deny what it sends, and it cannot be stored if none does. A dry run is not enough:
    openshift-apiserver carries out a dry run of an import or a mapping. So the request also fails in the API server,
    after all webhooks were called (openshift-apiserver 4.22, observed). The API server denies none before. The objects
    hold as little as it accepts, so that no other policy of the cluster objects: tags without a source, an import into
    no tag, an image of the internal registry.

    Attributes:
        object: returns what is sent, None if it needs an image stream and there is none.
        kinds: the kinds by which the API server names the object that failed once all webhooks were called, in lower
            case and in the singular.
        denials: the HTTP codes of such answers, each with whether an answer (meta/v1, Status) is one.
        replaces: whether the request replaces an object that exists.
        mark: returns what marks a review as a probe's, and the field that holds it.
    """

    object: Callable[[Run], dict[str, Any] | None]
    kinds: frozenset[str]
    denials: Mapping[int, Callable[[Object], bool]]
    replaces: bool = False
    mark: Callable[[Review], tuple[str, str] | None] = marked

    def came_after(self, status: int, answer: Object) -> bool:
        """Whether the API server denied the request after it had called every webhook.

        Its own validation of the object comes before the validating webhooks (422, with the kind of the object that
        was sent).

        Args:
            status: the HTTP code.
            answer: the Status, empty if there is none.
        """
        kind = str(mapping(answer.get("details")).get("kind") or "").lower().removesuffix("s")
        denied = self.denials.get(status)
        return kind in self.kinds and denied is not None and denied(answer)
