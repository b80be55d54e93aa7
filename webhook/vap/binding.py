"""The vocabulary of the rules, bound to the variables of a ValidatingAdmissionPolicy."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from webhook.celtext import got, literal
from webhook.resources.catalog import RESOURCES
from webhook.resources.cel import Cel, is_insecure, of_resources
from webhook.resources.parsing import INSECURE_REPOSITORY
from webhook.rules.vocabulary import Annotations, Image, Stream, Tag, Terms

# The resources whose tags CEL can read.
EXPORTED: Final[Mapping[str, Cel]] = MappingProxyType(
    {name: resource.cel for name, resource in RESOURCES.items() if isinstance(resource.cel, Cel)}
)
# The resources of which a review says something of a stream as a whole.
OF_STREAMS: Final = of_resources(tuple(name for name in EXPORTED if RESOURCES[name].streams))
# The name in the request is empty where the API server is yet to make one (`generateName`).
NAME: Final = (
    'has(request.name) && request.name != "" ? request.name : '
    f"{got('object', 'metadata', 'name', default=got('object', 'metadata', 'generateName'))}"
)
STREAM: Final = f'({NAME}).split(":")[0]'
_REPOSITORY: Final = "object.spec.dockerImageRepository"


def tag(of: str) -> Tag:
    """Return the names of the tag that `of` is: a variable, or an expression for one of `variables.tags`."""
    source = f"{of}.from"
    return Tag(
        name=f"{of}.name",
        path=f"{of}.path",
        fields={
            "name": f"{of}.nameField",
            "from.name": f"{of}.fromField",
            "from.kind": f'{of}.fromField.replace(".from.name", ".from.kind")',
            "importPolicy.insecure": f"{of}.insecureField",
        },
        every=f"{of}.every",
        kind=f"{source}.kind",
        source=f"{source}.name",
        source_namespace=f"{source}.namespace",
        written=(f'{source}.kind + " " + ({source}.namespace == "" ? "" : {source}.namespace + "/") + {source}.name'),
        insecure=f"{of}.insecure",
        scheduled=f"{of}.scheduled",
        import_mode=f"{of}.importMode",
        reference_policy=f"{of}.referencePolicy",
        reference=f"{of}.reference",
        annotations=Annotations(f"{of}.annotations[0]", f"{of}.annotations[1]"),
    )


def _riders(of: str) -> str:
    """Return the insecure imports of the request from the registry of an image."""
    return f"variables.riders.filter(x, x.valid && x.registry == {of}.registry)"


def _image(of: str) -> Image:
    riders = _riders(of)
    return Image(
        of=tag(f"{of}.of"),
        valid=f"{of}.valid",
        sent=f"{of}.of.from.name",
        fault=f"{of}.fault",
        registry=f"{of}.registry",
        repository=f"{of}.repository",
        tag=f"{of}.tag",
        digest=f"{of}.digest",
        insecure_riders=f"size({riders})",
        rider_field=f"{riders}[0].of.insecureField",
    )


def _stream(of: str) -> Stream:
    tags = "size({})".format
    count, before = (tags(got(each, "spec", "tags", default="[]")) for each in (of, "oldObject"))
    return Stream(
        lookup_local=f"({got(of, 'spec', 'lookupPolicy', 'local', default='false')} == true)",
        tags=count,
        fewer="false" if of == "oldObject" else f"oldObject != null && {count} < {before}",
        insecure=f"{OF_STREAMS} && {of} != null && {is_insecure(got(of, 'metadata', 'annotations', default='{}'))}",
        insecure_field=literal(f'metadata.annotations["{INSECURE_REPOSITORY}"]'),
    )


def _removed_field() -> str:
    """Return the JSON path of tags that are removed, whichever resource carries the change."""
    *most, (_, last) = ((of_resources((name,)), literal(cel.removed)) for name, cel in EXPORTED.items() if cel.removed)
    return f"({''.join(f'{asked} ? {path} : ' for asked, path in most)}{last})"


def _terms(variable: str, image: str, of: str, past: str = "") -> Terms:
    was = (
        f"variables.before.filter(w, !{variable}.every && w.name == {variable}.name && w.every == {variable}.every && "
        f'w.from.kind != "" && w.from != {variable}.from)'
    )
    return Terms(
        tag=tag(variable),
        image=_image(image),
        stream=_stream(of),
        namespace="request.namespace",
        moved=f"size({was}) > 0",
        before=tag(f"{was}[0]"),
        rides=f"variables.images.exists(y, y.of == {variable} && y.valid && size({_riders('y')}) > 0)",
        old_unknown=of_resources(tuple(name for name in EXPORTED if not RESOURCES[name].says_old)),
        removed_field=_removed_field(),
        followed=f'{_REPOSITORY} + ":" + {variable}.name',
        followed_field=literal("spec.dockerImageRepository"),
        past=past,
    )


TO_BE: Final = _terms("t", "i", "object")
AS_IT_WAS: Final = _terms("w", "w", "oldObject", past="oldObject")
