"""The vocabulary of the rules, bound to the variables of a ValidatingAdmissionPolicy."""

from typing import Final

from webhook.cel import got, literal
from webhook.resources.parsing import INSECURE_REPOSITORY
from webhook.rules.vocabulary import Annotations, Image, Stream, Tag, Terms
from webhook.vap.reading import is_insecure

_IS_STREAM: Final = 'request.resource.resource == "imagestreams"'
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
        insecure=f"{_IS_STREAM} && {of} != null && {is_insecure(got(of, 'metadata', 'annotations', default='{}'))}",
        insecure_field=literal(f'metadata.annotations["{INSECURE_REPOSITORY}"]'),
    )


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
        old_unknown='request.resource.resource in ["imagestreamimports", "imagestreammappings"]',
        removed_field='(request.resource.resource == "imagetags" ? "spec" : "spec.tags")',
        followed=f'{_REPOSITORY} + ":" + {variable}.name',
        followed_field=literal("spec.dockerImageRepository"),
        past=past,
    )


TO_BE: Final = _terms("t", "i", "object")
AS_IT_WAS: Final = _terms("w", "w", "oldObject", past="oldObject")
