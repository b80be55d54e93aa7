"""Every rule kind: what passes, what is denied, and the exact sentence that the user reads."""

import json
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from tests.support.builders import (
    DIGEST,
    decoded,
    docker,
    import_review,
    imported,
    itag_of,
    policy_of,
    push_review,
    review_of,
    reviewed,
    stream_of,
    stream_review,
    stream_tag,
    tag_of,
)
from tests.support.sentences import INSECURE_IMPORT, LOWERCASE

from webhook.admission import engine
from webhook.model.review import Place, Reason, TagField
from webhook.model.tag import Condition
from webhook.policy.entries import KINDS, evaluated
from webhook.resources import catalog
from webhook.rules.base import EvaluationContext, parameter
from webhook.schemas.parameters import Bool

_IMAGE = {"kind": "ImageStreamImage", "name": f"base@{DIGEST}"}
_APP = docker("quay.io/acme/app:1")
# A scan knows the signatures of an image, which no review carries.
_SCANNED = {
    "place": Place("image", "/image", "tag", next(each for each in catalog.CARRIED if TagField.SIGNATURES in each))
}


class Row(NamedTuple):
    """A case of a rule kind.

    Attributes:
        kind: the rule kind, with its parameters as a policy writes them.
        source: the tag's source, as the review has it.
        findings: what the rule says, `field: message`, nothing where it passes.
        tag: other fields of the tag.
        old: the source that the tag had.
        request: other fields of the request.
        change: fields of the TagChange that no review of an imagestreamtag carries.
        review: the whole review, where it is none of an imagestreamtag.
    """

    kind: str
    source: dict[str, Any] | None
    findings: tuple[str, ...] = ()
    tag: dict[str, Any] = {}  # noqa: RUF012 - never written
    old: dict[str, Any] | None = None
    request: dict[str, Any] = {}  # noqa: RUF012 - never written
    change: dict[str, Any] = {}  # noqa: RUF012 - never written
    review: dict[str, Any] | None = None


_CONFIG = {"architecture": "amd64", "os": "linux", "config": {"Labels": {"team": "pay", "tmp": "1"}}}
_LAYER = {"name": DIGEST, "size": 2**20, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
_AMD = push_review({"dockerImageConfig": json.dumps(_CONFIG), "dockerImageLayers": [_LAYER] * 3})
_BARE = push_review()
_LIST = push_review(
    {
        "dockerImageManifests": [
            {
                "digest": DIGEST,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "manifestSize": 1,
                "architecture": "arm",
                "os": "linux",
                "variant": "v7",
            }
        ]
    }
)
_SIGNED = push_review(
    {
        "signatures": [
            {"type": "AtomicImageV1", "content": "x", "conditions": [{"type": "Trusted", "status": "True"}]},
            {"type": "cosign", "content": "y"},
        ]
    }
)
_NOT_THERE = (
    """tag: "object["nothing"] == 1" could not be evaluated: "nothing" is missing; test for it with has() or in first"""
)
_FAILED = (Condition("ImportSuccess", "False", "NotFound", "no\nsuch", "conditions[0]"),)

ROWS: dict[str, Row] = {
    # schema
    "schema-passes": Row("schema: {}", _APP),
    "schema-enumeration": Row(
        "schema: {}", _APP,
        ('tag.referencePolicy.type: Unsupported value: "Remote": supported values: "Source", "Local"',),
        tag={"referencePolicy": {"type": "Remote"}},
    ),
    # sourceKinds
    "kind-allowed": Row("sourceKinds: {allow: [DockerImage]}", _APP),
    "kind-none": Row("sourceKinds: {allow: [DockerImage]}", None),
    "kind-other": Row(
        "sourceKinds: {allow: [DockerImage, ImageStreamImage]}", stream_tag("base:1"),
        ('tag.from.kind: a source of kind "ImageStreamTag" is not allowed; allowed: DockerImage, ImageStreamImage',),
    ),
    # registries
    "registry-of-what-a-stream-follows": Row(
        "registries: {allow: [quay.io]}", None,
        ('spec.dockerImageRepository: "docker.io/evil/x" is not an allowed repository; allowed: quay.io',),
        review=stream_review(stream_of(dockerImageRepository="evil/x")),
    ),
    "registry-allowed": Row("registries: {allow: [quay.io]}", _APP),
    "registry-path-allowed": Row('registries: {allow: ["quay.io/acme/**"]}', _APP),
    "registry-hub-by-default": Row("registries: {allow: [docker.io/library/busybox]}", docker("busybox")),
    "registry-of-a-stream": Row("registries: {allow: [quay.io]}", stream_tag("base:1")),
    "registry-prefix-is-no-match": Row(
        "registries: {allow: [quay.io]}", docker("quay.io.evil/acme/app"),
        ('tag.from.name: "quay.io.evil/acme/app" is not an allowed repository; allowed: quay.io',),
    ),
    "registry-path-prefix-is-no-match": Row(
        'registries: {allow: ["quay.io/acme/**"]}', docker("quay.io/acme-evil/app"),
        ('tag.from.name: "quay.io/acme-evil/app" is not an allowed repository; allowed: quay.io/acme/**',),
    ),
    "registry-port-counts": Row(
        "registries: {allow: [quay.io]}", docker("quay.io:5000/acme/app"),
        ('tag.from.name: "quay.io:5000/acme/app" is not an allowed repository; allowed: quay.io',),
    ),
    "registry-denied": Row(
        'registries: {deny: ["docker.io/**"]}', docker("nginx"),
        ('tag.from.name: "docker.io/library/nginx" is a denied repository; denied: docker.io/**',),
    ),
    "registry-denied-although-allowed": Row(
        'registries: {allow: [quay.io], deny: ["quay.io/acme/**"]}', _APP,
        ('tag.from.name: "quay.io/acme/app" is a denied repository; denied: quay.io/acme/**',),
    ),
    "registry-unparsable": Row(
        "registries: {allow: [quay.io]}", docker("quay.io/Acme"),
        (
            'tag.from.name: "quay.io/Acme" cannot be evaluated: '
            f'"quay.io/Acme" is not an image reference: {LOWERCASE}',
        ),
    ),
    # pin
    "pin-digest": Row("pin: {digest: true}", docker(f"quay.io/acme/app@{DIGEST}")),
    "pin-image": Row("pin: {digest: true}", _IMAGE),
    "pin-none": Row("pin: {digest: true}", None),
    "pin-tag-and-digest": Row("pin: {denyTags: [latest]}", docker(f"quay.io/acme/app:latest@{DIGEST}")),
    "pin-no-digest": Row(
        "pin: {digest: true}", _APP, ('tag.from.name: "quay.io/acme/app:1" has no digest; expected name@digest',)
    ),
    "pin-stream-tag": Row(
        "pin: {digest: true}", stream_tag("base:1"),
        ('tag.from.name: "base:1" has no digest; expected an ImageStreamImage',),
    ),
    "pin-latest-unsaid": Row(
        "pin: {denyTags: [latest]}", docker("nginx"),
        ('tag.from.name: "nginx" has the tag "latest"; denied: latest',),
    ),
    "pin-latest-of-a-stream": Row(
        'pin: {denyTags: [latest, "*-SNAPSHOT"]}', stream_tag("base:1-SNAPSHOT"),
        ('tag.from.name: "base:1-SNAPSHOT" has the tag "1-SNAPSHOT"; denied: latest, *-SNAPSHOT',),
    ),
    "pin-any-tag-denied": Row('pin: {denyTags: ["*"]}', docker(f"quay.io/acme/app@{DIGEST}")),
    "pin-repository-by-digest": Row("pin: {digest: true}", None, review=import_review(repository=imported(f"a@{DIGEST}", None))),
    "pin-both": Row(
        "pin: {digest: true, denyTags: [latest]}", docker("nginx"),
        (
            'tag.from.name: "nginx" has no digest; expected name@digest',
            'tag.from.name: "nginx" has the tag "latest"; denied: latest',
        ),
    ),
    "pin-a-repository": Row(
        "pin: {denyTags: [latest]}", None,
        ('spec.repository.from.name: "quay.io/acme/app" has any tag; denied: latest',),
        review=import_review(repository=imported("quay.io/acme/app", None)),
    ),
    "pin-unparsable": Row(
        "pin: {digest: true}", docker("quay.io/Acme"),
        (
            'tag.from.name: "quay.io/Acme" cannot be evaluated: '
            f'"quay.io/Acme" is not an image reference: {LOWERCASE}',
        ),
    ),
    "pin-a-tag-after-two-colons": Row(
        "pin: {denyTags: [latest]}", stream_tag("a:b:latest"),
        ('tag.from.name: "a:b:latest" has the tag "latest"; denied: latest',),
    ),
    # crossNamespace
    "own-namespace": Row("crossNamespace: {}", stream_tag("base:1", "app")),
    "own-namespace-unsaid": Row("crossNamespace: {}", stream_tag("base:1")),
    "namespace-allowed": Row('crossNamespace: {allow: ["shared-*"]}', stream_tag("base:1", "shared-eu")),
    "namespace-of-another-registry": Row("crossNamespace: {}", docker("quay.io/shared/app")),
    "namespace-other": Row(
        "crossNamespace: {}", stream_tag("base:1", "shared"),
        ('tag.from.namespace: "base:1" is in namespace "shared"; allowed: the tag\'s own namespace',),
    ),
    "namespace-by-the-internal-registry": Row(
        "crossNamespace: {allow: [openshift]}",
        docker("image-registry.openshift-image-registry.svc:5000/shared/app:1"),
        (
            'tag.from.name: "image-registry.openshift-image-registry.svc:5000/shared/app:1" is in namespace "shared"; '
            "allowed: the tag's own namespace, openshift",
        ),
    ),
    "namespace-of-an-image": Row(
        "crossNamespace: {}", {**_IMAGE, "namespace": "shared"},
        (f'tag.from.namespace: "base@{DIGEST}" is in namespace "shared"; allowed: the tag\'s own namespace',),
    ),
    "namespace-of-nothing": Row("crossNamespace: {}", None),
    "namespace-unparsable": Row(
        "crossNamespace: {}", docker("quay.io/Acme"),
        (
            'tag.from.name: "quay.io/Acme" cannot be evaluated: '
            f'"quay.io/Acme" is not an image reference: {LOWERCASE}',
        ),
    ),
    "own-namespace-by-the-internal-registry": Row(
        "crossNamespace: {}", docker("image-registry.openshift-image-registry.svc:5000/app/base:1")
    ),
    "namespace-by-the-old-internal-registry": Row(
        "crossNamespace: {}", docker("docker-registry.default.svc:5000/shared/base:1"),
        (
            'tag.from.name: "docker-registry.default.svc:5000/shared/base:1" is in namespace "shared"; '
            "allowed: the tag's own namespace",
        ),
    ),
    "namespace-by-the-internal-registry-without-a-port": Row(
        "crossNamespace: {}", docker("image-registry.openshift-image-registry.svc/shared/base/x:1"),
        (
            'tag.from.name: "image-registry.openshift-image-registry.svc/shared/base/x:1" is in namespace "shared"; '
            "allowed: the tag's own namespace",
        ),
    ),
    "namespace-by-a-route": Row(
        "crossNamespace: {internalRegistries: [registry.apps.example.com]}",
        docker("registry.apps.example.com/shared/base:1"),
        (
            'tag.from.name: "registry.apps.example.com/shared/base:1" is in namespace "shared"; '
            "allowed: the tag's own namespace",
        ),
    ),
    # importPolicy
    "insecure-not": Row("importPolicy: {insecure: false}", _APP),
    "insecure": Row(
        "importPolicy: {insecure: false}", _APP,
        (f"tag.importPolicy.insecure: {INSECURE_IMPORT}",),
        tag={"importPolicy": {"insecure": True}},
    ),
    "insecure-by-annotation": Row(
        "importPolicy: {insecure: false}", _APP,
        (
            'tag.annotations["openshift.io/image.insecureRepository"]: '
            f"{INSECURE_IMPORT}",
        ),
        tag={"annotations": {"openshift.io/image.insecureRepository": "true"}},
        old=docker("quay.io/acme/app:0"),
    ),
    "insecure-wanted": Row(
        "importPolicy: {insecure: true}", _APP,
        ("tag.importPolicy.insecure: the import must be insecure; expected insecure: true",),
    ),
    "scheduled-not": Row("importPolicy: {scheduled: false}", _APP),
    "scheduled": Row(
        "importPolicy: {scheduled: false}", _APP,
        ("tag.importPolicy.scheduled: a scheduled import is not allowed; expected scheduled: false",),
        tag={"importPolicy": {"scheduled": True}},
    ),
    "scheduled-wanted": Row(
        "importPolicy: {scheduled: true}", _APP,
        ("tag.importPolicy.scheduled: the import must be scheduled; expected scheduled: true",),
    ),
    "scheduled-wanted-of-a-digest": Row("importPolicy: {scheduled: true}", docker(f"quay.io/acme/app@{DIGEST}")),
    "scheduled-wanted-of-a-stream": Row("importPolicy: {scheduled: true}", stream_tag("base:1")),
    "scheduled-from": Row(
        "importPolicy: {scheduledFrom: [quay.io]}", _APP, tag={"importPolicy": {"scheduled": True}}
    ),
    "scheduled-from-elsewhere": Row(
        "importPolicy: {scheduledFrom: [quay.io]}", docker("nginx:1"),
        ('tag.importPolicy.scheduled: "docker.io/library/nginx" may not be imported on a schedule; allowed: quay.io',),
        tag={"importPolicy": {"scheduled": True}},
    ),
    "import-mode": Row("importPolicy: {importMode: [Legacy]}", _APP),
    "import-mode-unset-is-legacy": Row(
        "importPolicy: {importMode: [PreserveOriginal]}", _APP,
        ('tag.importPolicy.importMode: import mode "Legacy" is not allowed; allowed: PreserveOriginal',),
        tag={"importPolicy": {"importMode": ""}},
    ),
    "import-mode-of-a-stream": Row("importPolicy: {importMode: [PreserveOriginal]}", stream_tag("base:1")),
    "import-mode-other": Row(
        "importPolicy: {importMode: [Legacy]}", _APP,
        ('tag.importPolicy.importMode: import mode "PreserveOriginal" is not allowed; allowed: Legacy',),
        tag={"importPolicy": {"importMode": "PreserveOriginal"}},
    ),
    "insecure-of-a-stream": Row(
        "importPolicy: {insecure: false}", stream_tag("base:1"),
        (f"tag.importPolicy.insecure: {INSECURE_IMPORT}",),
        tag={"importPolicy": {"insecure": True}},
    ),
    "insecure-as-wanted": Row(
        "importPolicy: {insecure: true}", _APP, tag={"importPolicy": {"insecure": True}}
    ),
    "scheduled-as-wanted": Row(
        "importPolicy: {scheduled: true}", _APP, tag={"importPolicy": {"scheduled": True}}
    ),
    "scheduled-digest": Row(
        "importPolicy: {scheduled: false, scheduledFrom: [ghcr.io]}", docker(f"quay.io/acme/app@{DIGEST}"),
        tag={"importPolicy": {"scheduled": True}},
    ),
    "scheduled-of-what-cannot-be-parsed": Row("importPolicy: {scheduled: true}", docker("quay.io/Acme")),
    "scheduled-from-what-cannot-be-parsed": Row(
        "importPolicy: {scheduledFrom: [quay.io]}", docker("quay.io/Acme"),
        (
            'tag.from.name: "quay.io/Acme" cannot be evaluated: '
            f'"quay.io/Acme" is not an image reference: {LOWERCASE}',
        ),
    ),
    "scheduled-from-elsewhere-not-scheduled": Row("importPolicy: {scheduledFrom: [quay.io]}", docker("nginx:1")),
    # referencePolicy
    "reference-policy": Row("referencePolicy: {allow: [Local]}", _APP, tag={"referencePolicy": {"type": "Local"}}),
    "reference-policy-of-nothing": Row("referencePolicy: {allow: [Local]}", None),
    "reference-policy-other": Row(
        "referencePolicy: {allow: [Local]}", _APP,
        ('tag.referencePolicy.type: reference policy "Source" is not allowed; allowed: Local',),
    ),
    "reference-policy-unset-is-source": Row(
        "referencePolicy: {allow: [Local]}", _APP,
        ('tag.referencePolicy.type: reference policy "Source" is not allowed; allowed: Local',),
        tag={"referencePolicy": {"type": ""}},
    ),
    "reference-policy-unset": Row("referencePolicy: {allow: [Source]}", _APP, tag={"referencePolicy": {"type": ""}}),
    # lookupPolicy
    "lookup": Row("lookupPolicy: {local: false}", None, review=stream_review(stream_of())),
    "lookup-not-decided-here": Row("lookupPolicy: {local: true}", _APP),
    "lookup-wanted": Row(
        "lookupPolicy: {local: true}", None,
        ("spec.lookupPolicy.local: local lookup is false; expected true",),
        review=stream_review(stream_of()),
    ),
    "lookup-of-a-stream-that-goes": Row("lookupPolicy: {local: true}", None, review=stream_review(None, stream_of())),
    "lookup-other": Row(
        "lookupPolicy: {local: false}", None,
        ("spec.lookupPolicy.local: local lookup is true; expected false",),
        review=stream_review(stream_of(local=True)),
    ),
    "lookup-through-status": Row(
        "lookupPolicy: {local: false}", None,
        ("spec.lookupPolicy.local: local lookup is true; expected false",),
        review=stream_review(stream_of(local=True), stream_of(), "status"),
    ),
    # tagLimit
    "limit": Row("tagLimit: {max: 1}", None, review=stream_review(stream_of(tag_of(_APP)))),
    "limit-not-decided-here": Row("tagLimit: {max: 1}", _APP),
    "limit-exceeded": Row(
        "tagLimit: {max: 1}", None, ("spec.tags: the stream has 2 tags; allowed: 1",),
        review=stream_review(stream_of(tag_of(_APP), tag_of(_APP, name="v2")), stream_of(tag_of(_APP))),
    ),
    "limit-approached-from-above": Row(
        "tagLimit: {max: 1}", None,
        review=stream_review(
            stream_of(tag_of(_APP), tag_of(_APP, name="v2")),
            stream_of(tag_of(_APP), tag_of(_APP, name="v2"), tag_of(_APP, name="v3")),
        ),
    ),
    "limit-kept": Row(
        "tagLimit: {max: 1}", None, ("spec.tags: the stream has 2 tags; allowed: 1",),
        review=stream_review(
            stream_of(tag_of(_APP), tag_of(_APP, name="v2")), stream_of(tag_of(None), tag_of(_APP, name="v2"))
        ),
    ),
    "limit-of-a-stream-that-goes": Row(
        "tagLimit: {max: 1}", None, review=stream_review(None, stream_of(tag_of(_APP), tag_of(_APP, name="v2")))
    ),
    # tagName
    "name": Row('tagName: {grammar: true, allow: ["l*"]}', _APP),
    "name-is-the-rule": Row('tagName: {deny: ["v*"]}', _APP),
    "name-not-allowed": Row(
        'tagName: {allow: ["v*", stable]}', _APP,
        ('metadata.name: a tag may not be named "live"; allowed: v*, stable',),
    ),
    "name-denied": Row(
        'tagName: {allow: ["*"], deny: ["li*"]}', _APP,
        ('metadata.name: a tag may not be named "live"; denied: li*',),
    ),
    "name-no-registry-can-serve": Row(
        "tagName: {grammar: true}", _APP,
        (
            'metadata.name: no registry can serve a tag named "a:b\\x0ac"; '
            "expected [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
        ),
        request={"name": "app:a:b\nc"},
    ),
    "name-of-a-push": Row(
        "tagName: {deny: [live]}", None, ('tag: a tag may not be named "live"; denied: live',), review=_BARE
    ),
    "name-in-a-repository": Row(
        "tagName: {deny: [live]}", None,
        ("spec.repository.from.name: the change sets every tag of the repository, whose names are unknown",),
        review=import_review(repository=imported("quay.io/acme/app", None)),
    ),
    "name-allowed-in-a-repository": Row(
        "tagName: {allow: [live]}", None,
        ("spec.repository.from.name: the change sets every tag of the repository, whose names are unknown",),
        review=import_review(repository=imported("quay.io/acme/app", None)),
    ),
    "name-in-a-repository-is-served": Row(
        "tagName: {grammar: true}", None, review=import_review(repository=imported("quay.io/acme/app", None))
    ),
    # immutable
    "immutable-new": Row("immutable: {}", _APP),
    "immutable-same": Row("immutable: {}", _APP, old=_APP, tag={"importPolicy": {"scheduled": True}}),
    "immutable-moved": Row(
        "immutable: {}", _APP,
        (
            'tag.from.name: "live" points at "DockerImage quay.io/acme/app:0" '
            'and may not be pointed at "DockerImage quay.io/acme/app:1"',
        ),
        old=docker("quay.io/acme/app:0"),
    ),
    "immutable-emptied": Row(
        "immutable: {}", None,
        ('tag.from.name: "live" points at "DockerImage quay.io/acme/app:1" and may not be pointed at nothing',),
        old=_APP,
    ),
    "immutable-removed": Row(
        "immutable: {}", None,
        ('spec.tags: "live" points at "DockerImage quay.io/acme/app:1" and may not be removed',),
        review=stream_review(stream_of(), stream_of(tag_of(_APP))),
    ),
    "immutable-removed-as-an-image-tag": Row(
        "immutable: {}", None,
        ('spec: "live" points at "DockerImage quay.io/acme/app:1" and may not be removed',),
        review=reviewed("imagetags", "ImageTag", "app:live", itag_of(None), itag_of(tag_of(_APP))),
    ),
    "immutable-removed-with-its-stream": Row(
        "immutable: {}", None,
        ('spec.tags: "live" points at "DockerImage quay.io/acme/app:1" and may not be removed',),
        review=stream_review(None, stream_of(tag_of(_APP))),
    ),
    "immutable-pushed": Row(
        "immutable: {}", None,
        ('tag: "live" may already have another source, which this request does not contain; set the tag directly',), review=_BARE,
    ),
    "immutable-imported": Row(
        "immutable: {unknown: deny}", None,
        ('spec.images[0].to.name: "live" may already have another source, which this request does not contain; set the tag directly',),
        review=import_review(imported("quay.io/acme/app:1")),
    ),
    "immutable-import-allowed": Row(
        "immutable: {unknown: allow}", None, review=import_review(imported("quay.io/acme/app:1"))
    ),
    # schedule, of reviews that come on Monday, 2026-11-30, at 12:00 UTC
    "schedule-outside": Row('schedule: {deny: [{name: night, from: "22:00", until: "06:00"}]}', _APP),
    "schedule-ended": Row("schedule: {deny: [{name: past, from: 2026-11-01, until: 2026-11-30T12:00}]}", _APP),
    "schedule-same-source": Row(
        "schedule: {deny: [{name: freeze, from: 2026-11-30, until: 2026-12-01}]}", _APP,
        old=_APP, tag={"importPolicy": {"scheduled": True}},
    ),
    "schedule-dated": Row(
        "schedule: {deny: [{name: freeze, from: 2026-11-30, until: 2026-12-01}]}", _APP,
        (
            'tag.from.name: "live" may not change in the window freeze, which ends 2026-12-01T00:00Z; '
            "allowed: from 2026-12-01T00:00Z",
        ),
        old=docker("quay.io/acme/app:0"),
    ),
    "schedule-new": Row(
        "schedule: {deny: [{name: freeze, from: 2026-11-30T12:00:00Z, until: 2026-12-01T00:00:00Z}]}", _APP,
        (
            'tag.from.name: "live" may not change in the window freeze, which ends 2026-12-01T00:00Z; '
            "allowed: from 2026-12-01T00:00Z",
        ),
    ),
    "schedule-in-another-zone": Row(
        'schedule: {zone: Asia/Kathmandu, deny: [{name: evening, days: [Mon], from: "17:45", until: "06:00"}]}', _APP,
        (
            'tag.from.name: "live" may not change in the window evening, which ends 2026-12-01T06:00+05:45; '
            "allowed: from 2026-12-01T06:00+05:45",
        ),
    ),
    "schedule-two-in-a-row": Row(
        'schedule: {deny: [{name: week, from: "Sun 00:00", until: "Tue 00:00"}, {name: day, days: [Tue], from: "00:00", until: "00:00"}]}',
        _APP,
        (
            'tag.from.name: "live" may not change in the window week, which ends 2026-12-01T00:00Z; '
            "allowed: from 2026-12-02T00:00Z",
        ),
    ),
    "schedule-until-an-exception": Row(
        "schedule: {deny: [{name: freeze, from: 2026-11-01, until: 2027-01-07}], exceptions: [{name: x, from: 2026-12-02T08:00, until: 2026-12-03}]}",
        _APP,
        (
            'tag.from.name: "live" may not change in the window freeze, which ends 2027-01-07T00:00Z; '
            "allowed: from 2026-12-02T08:00Z",
        ),
    ),
    "schedule-in-an-exception": Row(
        'schedule: {deny: [{name: freeze, from: 2026-11-01, until: 2027-01-07}], exceptions: [{name: noon, from: "12:00", until: "13:00"}]}',
        _APP,
    ),
    "schedule-allowed": Row('schedule: {allow: [{name: office, days: [Mon, Tue], from: "09:00", until: "17:00"}]}', _APP),
    "schedule-not-allowed": Row(
        'schedule: {allow: [{name: morning, from: "08:00", until: "12:00"}, {name: thursday, days: [Thu], from: "09:00", until: "17:00"}]}',
        _APP,
        (
            'tag.from.name: "live" may change only in the windows morning, thursday; allowed: from 2026-12-01T08:00Z',
        ),
    ),
    "schedule-allowed-and-denied": Row(
        'schedule: {allow: [{name: office, from: "09:00", until: "17:00"}], deny: [{name: freeze, from: 2026-11-30, until: 2026-12-05}]}',
        _APP,
        (
            'tag.from.name: "live" may not change in the window freeze, which ends 2026-12-05T00:00Z; '
            "allowed: from 2026-12-05T09:00Z",
        ),
    ),
    "schedule-never-again": Row(
        "schedule: {allow: [{name: past, from: 2026-01-01, until: 2026-02-01}]}", _APP,
        ('tag.from.name: "live" may change only in the windows past; allowed: never, no window follows',),
    ),
    "schedule-always-denied": Row(
        'schedule: {deny: [{name: always, from: "00:00", until: "00:00"}]}', _APP,
        (
            'tag.from.name: "live" may not change in the window always, which ends 2026-12-01T00:00Z; '
            "allowed: not for a long time",
        ),
    ),
    "schedule-removed": Row(
        "schedule: {deny: [{name: freeze, from: 2026-11-30, until: 2026-12-01}]}", None,
        (
            'spec.tags: "live" may not change in the window freeze, which ends 2026-12-01T00:00Z; '
            "allowed: from 2026-12-01T00:00Z",
        ),
        review=stream_review(stream_of(), stream_of(tag_of(_APP))),
    ),
    "schedule-imported": Row(
        "schedule: {deny: [{name: freeze, from: 2026-11-30, until: 2026-12-01}]}", None,
        (
            'spec.images[0].to.name: "live" may not change in the window freeze, which ends 2026-12-01T00:00Z; '
            "allowed: from 2026-12-01T00:00Z",
        ),
        review=import_review(imported("quay.io/acme/app:1")),
    ),
    "schedule-pushed": Row(
        "schedule: {deny: [{name: freeze, from: 2026-11-30, until: 2026-12-01}]}", None,
        (
            'tag: "live" may not change in the window freeze, which ends 2026-12-01T00:00Z; '
            "allowed: from 2026-12-01T00:00Z",
        ),
        review=_BARE,
    ),
    # annotations
    "annotation": Row(
        'annotations: {require: {owner: "team-*"}}', _APP, tag={"annotations": {"owner": "team-pay"}},
        request={"oldObject": None}, change={},
    ),
    "annotation-missing": Row(
        'annotations: {require: {owner: "team-*"}}', _APP,
        ('tag.annotations["owner"]: annotation "owner" is missing; expected team-*',),
    ),
    "annotation-wrong": Row(
        'annotations: {require: {owner: "team-*"}}', _APP,
        ('tag.annotations["owner"]: annotation "owner" is "bob"; expected team-*',),
        tag={"annotations": {"owner": "bob"}},
    ),
    "annotation-denied": Row(
        'annotations: {deny: ["example.com/*"]}', _APP,
        ('tag.annotations: annotation "example.com/x" is not allowed; denied: example.com/*',),
        tag={"annotations": {"example.com/x": "1"}},
    ),
    # labels
    "label": Row('labels: {require: {team: "*"}}', None, review=_AMD),
    "label-no-image": Row('labels: {require: {team: "*"}}', _APP),
    "label-no-configuration": Row(
        "labels: {deny: [tmp]}", None,
        (
            "image.dockerImageMetadata.Config.Labels: the image's labels cannot be evaluated: "
            "its configuration is missing",
        ),
        review=_BARE,
    ),
    "label-of-a-manifest-list": Row(
        "labels: {deny: [tmp]}", None,
        (
            "image.dockerImageMetadata.Config.Labels: the image's labels cannot be evaluated: "
            "a manifest list has no labels of its own",
        ),
        review=_LIST,
    ),
    "label-missing": Row(
        'labels: {require: {owner: "*"}}', None,
        ('image.dockerImageMetadata.Config.Labels: label "owner" is missing; expected *',),
        review=_AMD,
    ),
    "label-wrong": Row(
        "labels: {require: {team: ops}}", None,
        ('image.dockerImageMetadata.Config.Labels: label "team" is "pay"; expected ops',),
        review=_AMD,
    ),
    "label-denied": Row(
        "labels: {deny: [tmp]}", None,
        ('image.dockerImageMetadata.Config.Labels: label "tmp" is not allowed; denied: tmp',),
        review=_AMD,
    ),
    "label-two-missing": Row(
        'labels: {require: {owner: "*", team: "p*", zone: "*"}}', None,
        (
            'image.dockerImageMetadata.Config.Labels: label "owner" is missing; expected *',
            'image.dockerImageMetadata.Config.Labels: label "zone" is missing; expected *',
        ),
        review=_AMD,
    ),
    "label-two-denied": Row(
        "labels: {deny: [tmp, team]}", None,
        (
            'image.dockerImageMetadata.Config.Labels: label "team" is not allowed; denied: tmp, team',
            'image.dockerImageMetadata.Config.Labels: label "tmp" is not allowed; denied: tmp, team',
        ),
        review=_AMD,
    ),
    # platforms
    "platform": Row("platforms: {require: [linux/amd64]}", None, review=_AMD),
    "platform-missing": Row(
        "platforms: {require: [linux/amd64, linux/arm64]}", None,
        ('image: the image does not support linux/arm64; it supports "linux/amd64"',),
        review=_AMD,
    ),
    "platform-variant": Row("platforms: {require: [linux/arm/v7]}", None, review=_LIST),
    "platform-unknown": Row(
        'platforms: {require: ["linux/*"]}', None,
        ("image: the image does not support linux/*; it supports none",), review=_BARE,
    ),
    # imageSize
    "size": Row("imageSize: {max: 3Mi, maxLayers: 3}", None, review=_AMD),
    "size-unknown": Row(
        "imageSize: {max: 1Ki, maxLayers: 1}", None,
        (
            "image: the image does not state its size; allowed: 1024",
            "image.dockerImageLayers: the image does not state its layers; allowed: 1",
        ),
        review=_BARE,
    ),
    "size-larger": Row(
        "imageSize: {max: 2Mi}", None, ("image: the image has 3145728 bytes; allowed: 2097152",),
        review=_AMD,
    ),
    "size-layers": Row(
        "imageSize: {maxLayers: 2}", None, ("image.dockerImageLayers: the image has 3 layers; allowed: 2",),
        review=_AMD,
    ),
    # signatures
    "signed": Row("signatures: {minimum: 2}", None, review=_SIGNED, change=_SCANNED),
    "signed-is-not-evaluated-in-a-push": Row("signatures: {}", None, review=_AMD),
    "signed-too-few": Row(
        "signatures: {}", None, ("image.signatures: the image has 0 signatures; expected at least 1",),
        review=_AMD, change=_SCANNED,
    ),
    "signed-not-trusted": Row(
        'signatures: {minimum: 2, trusted: true, types: ["Atomic*"]}', None,
        ("image.signatures: the image has 1 trusted signature of type Atomic*; expected at least 2",),
        review=_SIGNED, change=_SCANNED,
    ),
    "signed-of-another-type": Row(
        "signatures: {types: [notary]}", None,
        ("image.signatures: the image has 0 signatures of type notary; expected at least 1",), review=_SIGNED, change=_SCANNED,
    ),
    "signed-none-trusted": Row(
        "signatures: {trusted: true, types: [cosign]}", None,
        ("image.signatures: the image has 0 trusted signatures of type cosign; expected at least 1",), review=_SIGNED, change=_SCANNED,
    ),
    # conditions
    "condition": Row("conditions: {deny: [ImportSuccess]}", _APP, old=_APP),
    "condition-of-what-it-was": Row(
        "conditions: {deny: [ImportSuccess]}", _APP, old=docker("quay.io/acme/app:0"), change={"conditions": _FAILED}
    ),
    "condition-false": Row(
        "conditions: {deny: [ImportSuccess]}", _APP,
        ('conditions[0]: condition "ImportSuccess" is False: "NotFound: no\\x0asuch"',),
        old=_APP, change={"conditions": _FAILED},
    ),
    "condition-true": Row(
        "conditions: {deny: [ImportSuccess]}", _APP, old=_APP,
        change={"conditions": (replace(_FAILED[0], status="True"),)},
    ),
    "condition-other": Row("conditions: {deny: [Other]}", _APP, old=_APP, change={"conditions": _FAILED}),
    "condition-of-a-tag-that-is-new": Row(
        "conditions: {deny: [ImportSuccess]}", _APP,
        ('conditions[0]: condition "ImportSuccess" is False: "NotFound: no\\x0asuch"',), change={"conditions": _FAILED},
    ),
    "condition-without-a-reason": Row(
        "conditions: {deny: [ImportSuccess]}", _APP,
        ('conditions[0]: condition "ImportSuccess" is False: "no reason given"',),
        old=_APP, change={"conditions": (replace(_FAILED[0], reason="", message=""),)},
    ),
    "condition-with-a-message-alone": Row(
        "conditions: {deny: [ImportSuccess]}", _APP,
        ('conditions[0]: condition "ImportSuccess" is False: "gone"',),
        old=_APP, change={"conditions": (replace(_FAILED[0], reason="", message="gone"),)},
    ),
    # expression
    "expression": Row(
        """expression: {validations: [{expression: 'tag.from.registry == "quay.io" && oldObject == null'}]}""", _APP
    ),
    "expression-of-the-request": Row(
        """expression: {validations: [{expression: 'request.userInfo.username == "alice"'}]}""", _APP
    ),
    "expression-with-functions-of-a-namespace": Row(
        "expression: {validations: [{expression: 'math.greatest(1, 2) == 2'}, {expression: 'sets.contains([1, 2], [1])'}]}", _APP
    ),
    "expression-with-added-functions-of-no-namespace": Row(
        "expression: {validations: [{expression: 'max(1, 2) == 2'}, {expression: '[2, 1].min() == 1'}]}", _APP
    ),
    "expression-with-added-functions": Row(
        """expression: {validations: [{expression: 'object.metadata.name.upperAscii() == "APP:LIVE"'}]}""", _APP
    ),
    "expression-false": Row(
        """expression: {validations: [{expression: 'tag.name != "live"', message: not live}]}""", _APP, ("tag: not live",)
    ),
    "expression-false-unsaid": Row(
        "expression: {validations: [{expression: tag.scheduled}]}", _APP, ("tag: failed expression: tag.scheduled",)
    ),
    "expression-of-what-was": Row(
        """expression: {validations: [{expression: 'oldObject.tag.from.name == "quay.io/acme/app:0"'}]}""", _APP,
        old=docker("quay.io/acme/app:0"),
    ),
    "expression-each-says-its-own": Row(
        """expression: {validations: [{expression: 'object["nothing"] == 1'}, {expression: 'true'}, {expression: 'false', message: never}]}""",
        _APP,
        (_NOT_THERE, "tag: never"),
    ),
    "expression-that-fails": Row(
        """expression: {validations: [{expression: 'object["nothing"] == 1', message: never}]}""", _APP, (_NOT_THERE,),
    ),
    "expression-of-no-boolean": Row(
        "expression: {validations: [{expression: dyn(tag.name)}]}", _APP, ('tag: "dyn(tag.name)": expected a boolean, got "live"',)
    ),
    **{
        f"expression-fails-{name}": Row(
            f"expression: {{validations: [{{expression: '{expression}'}}]}}", _APP, (f'tag: "{expression}" could not be evaluated: {said}'.replace('""', '"'),)
        )
        for name, expression, said in (
            ("null", "object.metadata.annotations.size() == 0", '"annotations" is missing; test for it with has() or in first'),
            ("null-image", "tag.image.size > 1", "a value is null or has another type than the expression expects"),
            ("null-of-a-method", "object.tag.annotations.size() > 1", "size was called with null or a value of the wrong type"),
            ("index", "request.userInfo.groups[9] == tag.name", "an index is outside of its list"),
            ("division", "1 / size(tag.from.digest) == 1", "division by zero"),
            ("overflow", "9223372036854775807 + size(tag.name) == 1", "a number does not fit into 64 bits"),
            ("conversion", "int(tag.name) == 1", "int was called with an invalid value"),
            ("pattern", 'tag.name.matches(tag.name + string(b"("))', "matches was called with an invalid value"),
            ("added", "tag.name.charAt(99) == tag.name", "charAt was called with an invalid value"),
        )
    },
}  # fmt: skip
# The reason of the Status cause, by the rows above; FieldValueInvalid for the rest.
REASONS: dict[str, Reason] = {
    name: reason
    for reason, names in {
        Reason.REQUIRED: [
            "annotation-missing",
            "label-no-configuration",
            "label-of-a-manifest-list",
            "label-missing",
            "label-two-missing",
            "signed-too-few",
            "signed-not-trusted",
            "signed-of-another-type",
            "signed-none-trusted",
        ],
        Reason.NOT_SUPPORTED: [
            "schema-enumeration",
            "kind-other",
            "import-mode-unset-is-legacy",
            "import-mode-other",
            "reference-policy-other",
            "reference-policy-unset-is-source",
        ],
        Reason.FORBIDDEN: [
            "registry-of-what-a-stream-follows",
            "registry-prefix-is-no-match",
            "registry-path-prefix-is-no-match",
            "registry-port-counts",
            "registry-denied",
            "registry-denied-although-allowed",
            "namespace-other",
            "namespace-by-the-internal-registry",
            "namespace-of-an-image",
            "namespace-by-the-old-internal-registry",
            "namespace-by-the-internal-registry-without-a-port",
            "namespace-by-a-route",
            "insecure",
            "insecure-by-annotation",
            "insecure-wanted",
            "scheduled-from-elsewhere",
            "insecure-of-a-stream",
            "lookup-wanted",
            "lookup-other",
            "lookup-through-status",
            "limit-exceeded",
            "limit-kept",
            "immutable-moved",
            "immutable-emptied",
            "immutable-removed",
            "immutable-removed-as-an-image-tag",
            "immutable-removed-with-its-stream",
            "immutable-pushed",
            "immutable-imported",
            "schedule-dated",
            "schedule-new",
            "schedule-in-another-zone",
            "schedule-two-in-a-row",
            "schedule-until-an-exception",
            "schedule-not-allowed",
            "schedule-allowed-and-denied",
            "schedule-never-again",
            "schedule-always-denied",
            "schedule-removed",
            "schedule-imported",
            "schedule-pushed",
            "annotation-denied",
            "label-denied",
            "label-two-denied",
        ],
    }.items()
    for name in names
}


def document_of(row: Row) -> dict[str, Any]:
    """Return the review of a row."""
    document = review_of(row.source, old=row.old, tag=row.tag, **row.request)
    istag = document["request"]["object"]
    if document["request"]["oldObject"] is None and row.tag.get("annotations"):
        istag["metadata"]["annotations"] = row.tag["annotations"]
    elif row.tag.get("annotations"):
        istag["metadata"]["annotations"] = {}
    return row.review or document


def kind_of(row: Row) -> str:
    """Return the rule kind of a row."""
    return row.kind.partition(":")[0]


@pytest.mark.parametrize("name", ROWS)
def test_rule(name: str) -> None:
    """The rule reports exactly these messages, each as a Status cause with its reason."""
    row = ROWS[name]
    policy = policy_of(f"spec: {{rules: [{{name: the-rule, {row.kind}}}]}}\n")
    review = decoded(document_of(row))
    changes = [replace(change, **row.change) for change in catalog.changes(review)]
    context = EvaluationContext(review)
    findings = [finding for change in changes for finding in engine.evaluate(change, context, policy)]
    of_the_rule = [each for each in findings if each.rule == "the-rule"]
    assert tuple(f"{each.field}: {each.message}" for each in of_the_rule) == row.findings
    assert {each.reason for each in of_the_rule} == ({REASONS.get(name, Reason.INVALID)} if row.findings else set())


def test_every_kind_has_rows_that_pass_and_rows_that_are_refused() -> None:
    """No kind is without a case of each sort, and no case is of an unknown kind."""
    kinds = {kind.kind for kind in KINDS}
    assert {kind_of(row) for row in ROWS.values() if not row.findings} == kinds
    assert {kind_of(row) for row in ROWS.values() if row.findings} == kinds
    assert {name for name, row in ROWS.items() if row.findings} >= set(REASONS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_kind_is_documented(kind: Any) -> None:
    """A kind has one sentence for itself and one for each parameter, and says where it evaluates."""
    assert kind.documentation().endswith(".")
    assert "\n" not in kind.documentation()
    assert evaluated(kind) or any(kind.reads <= carried for carried in catalog.CARRIED)
    assert all(each.metadata["doc"] for each in kind.parameters())
    assert set(kind.needs) <= {each.name for each in kind.parameters()}


def test_a_parameter_says_how_it_is_read() -> None:
    """A kind's parameter carries how it is read, what it means, and what it is where the policy leaves it out."""
    given, left = Bool(), parameter(Bool(), "what it means")
    field = parameter(given, "what it means", default=False)
    assert (field.default, field.metadata["parameter"], field.metadata["doc"]) == (False, given, "what it means")
    assert left.default == ()


def test_each_finding_ends_with_its_rule() -> None:
    """The line that the user reads is field, sentence and rule."""
    policy = policy_of("spec: {rules: [{name: trusted, registries: {allow: [quay.io]}}]}\n")
    decision = engine.validate(decoded(review_of(docker("nginx"))), policy)
    assert [str(finding) for finding in decision.findings] == [
        'tag.from.name: "docker.io/library/nginx" is not an allowed repository; allowed: quay.io (rule trusted)'
    ]
