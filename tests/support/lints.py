"""Policies that each warning is about, and policies that it is not about."""

from dataclasses import dataclass
from typing import Final

from webhook.policy.lint.exemptions import IMPORTER


@dataclass(frozen=True)
class Row:
    """A spec, and the paths that a warning names in it; none for a spec that the warning is not about."""

    name: str
    spec: str
    paths: tuple[str, ...] = ()


_LIVE = "match: {tags: [live]}"
_FREEZE = "schedule: {deny: [{name: freeze, from: 2026-12-20, until: 2027-01-07}]}"
_QUAY = "registries: {allow: [quay.io, 'image-registry.openshift-image-registry.svc:5000']}"
ROWS: Final[dict[str, list[Row]]] = {
    "alias-bypass": [
        Row("by-tag", f"{{rules: [{{name: a, {_LIVE}, {_QUAY}}}]}}", ("rules[0].match.tags",)),
        Row("by-stream", "{rules: [{name: a, match: {streams: [app]}, importPolicy: {insecure: false}}]}", ("rules[0].match.streams",)),
        Row("by-namespace", f"{{rules: [{{name: a, match: {{namespaces: ['prod-*']}}, {_QUAY}}}]}}", ("rules[0].match.namespaces",)),
        Row("tag-left-out", f"{{rules: [{{name: a, match: {{exclude: {{tags: [tmp]}}}}, {_QUAY}}}]}}", ("rules[0].match.exclude.tags",)),
        Row(
            "namespace-left-out", f"{{rules: [{{name: a, match: {{exclude: {{namespaces: [sandbox]}}}}, {_QUAY}}}]}}",
            ("rules[0].match.exclude.namespaces",),
        ),
        Row(
            "almost-reserved", f"{{rules: [{{name: a, match: {{exclude: {{namespaces: ['openshift*']}}}}, {_QUAY}}}]}}",
            ("rules[0].match.exclude.namespaces",),
        ),
        Row("moving-source", f"{{rules: [{{name: a, {_LIVE}, pin: {{denyTags: [latest]}}}}]}}", ("rules[0].match.tags",)),
        Row("cross-namespace", f"{{rules: [{{name: a, {_LIVE}, crossNamespace: {{}}}}]}}", ("rules[0].match.tags",)),
        Row(
            "expression",
            f"""{{rules: [{{name: a, {_LIVE}, expression: {{validations: [
                {{expression: 'tag.from.kind != "DockerImage" || tag.from.registry == "quay.io"'}}]}}}}]}}""",
            ("rules[0].match.tags",),
        ),
        Row("warned-only", f"{{rules: [{{name: a, {_LIVE}, {_QUAY}}}, {{name: b, {_LIVE}, mode: warn, sourceKinds: {{allow: [DockerImage]}}}}]}}",
            ("rules[0].match.tags",)),
        Row("guard-elsewhere", f"{{rules: [{{name: a, {_LIVE}, {_QUAY}}}, {{name: b, match: {{tags: [liv]}}, sourceKinds: {{allow: [DockerImage]}}}}]}}",
            ("rules[0].match.tags",)),
        Row("guard-not-for-all", f"""{{rules: [{{name: a, {_LIVE}, {_QUAY}}},
            {{name: b, match: {{exclude: {{users: [bob]}}}}, sourceKinds: {{allow: [DockerImage]}}}}]}}""", ("rules[0].match.tags",)),
        Row("pin-leaves-images", f"{{rules: [{{name: a, {_LIVE}, {_QUAY}}}, {{name: b, {_LIVE}, pin: {{digest: true}}}}]}}", ("rules[0].match.tags",)),
        Row("every-tag", f"{{rules: [{{name: a, {_QUAY}}}]}}"),
        Row("star", f"{{rules: [{{name: a, match: {{tags: [live, '*'], namespaces: ['*']}}, {_QUAY}}}]}}"),
        Row("not-enforced", f"{{rules: [{{name: a, {_LIVE}, mode: warn, {_QUAY}}}]}}"),
        Row("reserved", f"{{rules: [{{name: a, match: {{exclude: {{namespaces: [openshift, 'openshift-*', kube-system]}}}}, {_QUAY}}}]}}"),
        Row("a-user-left-out", f"{{rules: [{{name: a, match: {{exclude: {{users: [bob], tags: [tmp]}}}}, {_QUAY}}}]}}"),
        Row("no-aliases", f"{{rules: [{{name: a, {_LIVE}, {_QUAY}}}, {{name: b, {_LIVE}, sourceKinds: {{allow: [DockerImage]}}}}]}}"),
        Row("no-aliases-anywhere", f"{{rules: [{{name: b, sourceKinds: {{allow: [DockerImage]}}}}, {{name: a, {_LIVE}, {_QUAY}}}]}}"),
        Row("wider-guard", f"{{rules: [{{name: a, match: {{tags: ['v1.*']}}, {_QUAY}}}, {{name: b, match: {{tags: ['v*']}}, sourceKinds: {{allow: [DockerImage]}}}}]}}"),
        Row("guards-together", f"""{{rules: [{{name: a, {_LIVE}, {_QUAY}}}, {{name: b, {_LIVE}, pin: {{digest: true}}}},
            {{name: c, sourceKinds: {{allow: [DockerImage, ImageStreamTag]}}}}]}}"""),
        Row("own-namespace", f"{{rules: [{{name: a, match: {{namespaces: [prod]}}, {_QUAY}}}, {{name: b, crossNamespace: {{}}}}]}}"),
        Row("pinned", f"{{rules: [{{name: a, {_LIVE}, pin: {{digest: true, denyTags: [latest]}}}}]}}"),
        Row("no-source", f"{{rules: [{{name: a, {_LIVE}, immutable: {{}}}}, {{name: b, {_LIVE}, referencePolicy: {{allow: [Local]}}}}]}}"),
        Row("expression-of-aliases", f"""{{rules: [{{name: a, {_LIVE}, expression: {{validations: [
            {{expression: 'tag.from.registry == "quay.io"'}}]}}}}]}}"""),
        Row("expression-of-a-name", f"""{{rules: [{{name: a, {_LIVE}, expression: {{validations: [
            {{expression: 'tag.name.startsWith("l")'}}]}}}}]}}"""),
    ],
    "importer-not-exempt": [
        Row("no-exemption", "{rules: [{name: a, pin: {digest: true}}]}", ("rules[0]",)),
        Row("once", "{rules: [{name: a, mode: warn, pin: {digest: true}}, {name: b, pin: {digest: true}}, {name: c, tagName: {grammar: true}}]}", ("rules[1]",)),
        Row("others-exempt", "{exemptions: [{name: e, users: [bob], annotation: r}], rules: [{name: a, pin: {digest: true}}]}", ("rules[0]",)),
        Row("needs-a-reason", f"{{exemptions: [{{name: e, users: ['{IMPORTER}'], annotation: r}}], rules: [{{name: a, pin: {{digest: true}}}}]}}", ("rules[0]",)),
        Row(
            "exempt-elsewhere", f"{{exemptions: [{{name: e, users: ['{IMPORTER}'], match: {{namespaces: [x]}}}}], rules: [{{name: a, pin: {{digest: true}}}}]}}",
            ("rules[0]",),
        ),
        Row("excluded-elsewhere", f"{{rules: [{{name: a, match: {{exclude: {{users: ['{IMPORTER}'], tags: [x]}}}}, pin: {{digest: true}}}}]}}", ("rules[0]",)),
        Row("exempt", f"{{exemptions: [{{name: e, users: ['{IMPORTER}']}}], rules: [{{name: a, pin: {{digest: true}}}}]}}"),
        Row("exempt-by-group", "{exemptions: [{name: e, groups: ['system:serviceaccounts:openshift-*']}], rules: [{name: a, pin: {digest: true}}]}"),
        Row("exempt-there", "{exemptions: [{name: e, users: ['system:*'], match: {resources: [imagestreamimports], namespaces: ['prod-*']}}], rules: [{name: a, match: {namespaces: [prod-a]}, pin: {digest: true}}]}"),
        Row("excluded", f"{{rules: [{{name: a, match: {{exclude: {{users: ['{IMPORTER}']}}}}, pin: {{digest: true}}}}]}}"),
        Row("other-users", "{rules: [{name: a, match: {users: [bob]}, pin: {digest: true}}, {name: b, match: {groups: [devs]}, pin: {digest: true}}]}"),
        Row("other-resources", "{rules: [{name: a, match: {resources: [imagestreamtags]}, pin: {digest: true}}, {name: b, labels: {deny: [x]}}, {name: c, schema: {}}]}"),
        Row("not-enforced", "{rules: [{name: a, mode: warn, pin: {digest: true}}]}"),
    ],
    "implicit-existing": [
        Row("enforced", "{rules: [{name: a, pin: {digest: true}}, {name: b, mode: enforce, immutable: {}}]}", ("rules[0]", "rules[1]")),
        Row("scans-only", "{rules: [{name: a, signatures: {}}]}"),
        Row("explicit", "{rules: [{name: a, existing: audit, pin: {digest: true}}, {name: b, mode: warn, pin: {digest: true}}]}"),
    ],
    "empty-match": [
        Row("own-exclude", "{rules: [{name: a, match: {namespaces: [prod-a, 'prod-b*'], exclude: {namespaces: ['prod-*']}}, pin: {digest: true}}]}",
            ("rules[0].match.exclude",)),
        Row("two-parts", "{rules: [{name: a, match: {namespaces: [prod-a], tags: ['v1.*'], exclude: {namespaces: ['p*'], tags: ['v*']}}, pin: {digest: true}}]}",
            ("rules[0].match.exclude",)),
        Row("default", "{defaults: [{name: a, match: {tags: [v1], exclude: {tags: ['v*']}}, set: {importPolicy: {scheduled: true}}}]}",
            ("defaults[0].match.exclude",)),
        Row("exemption", "{exemptions: [{name: a, users: [bob], match: {tags: [v1], exclude: {tags: ['v*']}}}]}", ("exemptions[0].match.exclude",)),
        Row("everybody-exempt", "{exemptions: [{name: e, users: ['*'], match: {namespaces: ['dev-*']}}], rules: [{name: a, match: {namespaces: [dev-a]}, pin: {digest: true}}]}",
            ("rules[0]",)),
        Row("another-part", "{rules: [{name: a, match: {namespaces: [prod-a], exclude: {namespaces: ['prod-*'], tags: [x]}}, pin: {digest: true}}]}"),
        Row("some", "{rules: [{name: a, match: {namespaces: [prod-a, dev-a], exclude: {namespaces: ['prod-*']}}, pin: {digest: true}}]}"),
        Row("narrower", "{rules: [{name: a, match: {namespaces: ['prod-*'], exclude: {namespaces: ['prod-a*']}}, pin: {digest: true}}]}"),
        Row("streams-have-no-tag", "{rules: [{name: a, match: {namespaces: [prod], exclude: {tags: ['*'], namespaces: ['p*']}}, schema: {}}]}"),
        Row("with-a-reason", "{exemptions: [{name: e, users: ['*'], annotation: r}], rules: [{name: a, pin: {digest: true}}]}"),
        Row("somebody-exempt", "{exemptions: [{name: e, users: [bob]}], rules: [{name: a, pin: {digest: true}}]}"),
        Row("exempt-elsewhere", "{exemptions: [{name: e, users: ['*'], match: {namespaces: [dev]}}], rules: [{name: a, pin: {digest: true}}]}"),
    ],
    "shadowed-entry": [
        Row("twice", "{rules: [{name: a, pin: {digest: true}}, {name: b, pin: {digest: true}}]}", ("rules[1]",)),
        Row("in-another-order", "{rules: [{name: a, registries: {deny: [a.io, b.io]}}, {name: b, registries: {deny: [b.io, a.io]}}]}", ("rules[1]",)),
        Row("three", "{rules: [{name: a, pin: {digest: true}}, {name: b, pin: {digest: true}}, {name: c, pin: {digest: true}}]}", ("rules[1]", "rules[2]")),
        Row("weaker", "{rules: [{name: a, mode: warn, pin: {digest: true}}, {name: b, pin: {digest: true}}]}", ("rules[0]",)),
        Row("narrower", "{rules: [{name: a, match: {tags: [live, v1]}, pin: {digest: true}}, {name: b, match: {tags: ['v*', live]}, pin: {digest: true}}]}", ("rules[0]",)),
        Row("excludes-more", "{rules: [{name: a, match: {exclude: {namespaces: [x, y]}}, pin: {digest: true}}, {name: b, match: {exclude: {namespaces: [x]}}, pin: {digest: true}}]}", ("rules[0]",)),
        Row("excluded-elsewhere", "{rules: [{name: a, match: {namespaces: ['prod-*']}, pin: {digest: true}}, {name: b, match: {exclude: {namespaces: ['dev-*']}}, pin: {digest: true}}]}", ("rules[0]",)),
        Row("default", "{defaults: [{name: a, set: {importPolicy: {scheduled: true, insecure: true}}}, {name: b, match: {tags: [x]}, set: {importPolicy: {scheduled: false}}}]}", ("defaults[1]",)),
        Row("other-parameters", "{rules: [{name: a, pin: {digest: true}}, {name: b, pin: {denyTags: [latest]}}, {name: c, imageSize: {max: 1}}, {name: d, imageSize: {max: 2}}]}"),
        Row("other-tags", "{rules: [{name: a, match: {tags: [x]}, pin: {digest: true}}, {name: b, match: {tags: [y]}, pin: {digest: true}}]}"),
        Row("stricter-for-some", "{rules: [{name: a, mode: warn, pin: {digest: true}}, {name: b, match: {tags: [live]}, pin: {digest: true}}]}"),
        Row("other-existing", "{rules: [{name: a, mode: warn, existing: warn, pin: {digest: true}}, {name: b, existing: ignore, pin: {digest: true}}]}"),
        Row("excludes-less", "{rules: [{name: a, match: {exclude: {namespaces: [x]}}, pin: {digest: true}}, {name: b, match: {namespaces: [x]}, pin: {digest: true}}]}"),
        Row("other-fields", "{defaults: [{name: a, set: {importPolicy: {scheduled: true}}}, {name: b, set: {importPolicy: {insecure: true}}}, {name: c, set: {annotations: {x: y}}}, {name: d, set: {annotations: {z: y}}}]}"),
        Row("later-default", "{defaults: [{name: a, match: {tags: [x]}, set: {importPolicy: {scheduled: true}}}, {name: b, set: {importPolicy: {scheduled: true}}}]}"),
    ],
    "missing-internal-registry": [
        Row("external", "{rules: [{name: a, registries: {allow: [quay.io, '*.example.com']}}]}", ("rules[0].registries.allow",)),
        Row("warns", "{rules: [{name: a, mode: warn, registries: {allow: [quay.io], deny: [quay.io/evil]}}]}", ("rules[0].registries.allow",)),
        *(
            Row(f"allowed-{host}", f"{{rules: [{{name: a, registries: {{allow: [quay.io, '{host}']}}}}]}}")
            for host in ("image-registry.openshift-image-registry.svc:5000", "image-registry.openshift-image-registry.svc:*", "**:5000", "*",
                         "image-registry.openshift-image-registry.svc:5000/shared/**", "docker-registry.default.svc:5000", "**.svc:5000",
                         "default-route-openshift-image-registry.apps.example.com")
        ),
        Row("deny-only", "{rules: [{name: a, registries: {deny: [docker.io]}}]}"),
        Row("recorded", "{rules: [{name: a, mode: audit, registries: {allow: [quay.io]}}]}"),
    ],
    "rule-named-as-kind": [
        Row("same", "{rules: [{name: pin, pin: {digest: true}}, {name: labels, immutable: {}}]}", ("rules[0].name", "rules[1].name")),
        Row("hyphens", "{rules: [{name: import-policy, pin: {digest: true}}]}", ("rules[0].name",)),
        Row("other", "{rules: [{name: pinned, pin: {digest: true}}, {name: import-policies, pin: {digest: true}}]}"),
        Row("default", "{defaults: [{name: pin, set: {importPolicy: {scheduled: true}}}]}"),
    ],
    # The policies are checked on 2026-11-30, at 12:00 UTC.
    "ends-soon": [
        Row("exemption", "{exemptions: [{name: a, users: [bob], until: 2026-12-14}]}", ("exemptions[0].until",)),
        Row("rule", f"{{rules: [{{name: a, until: 2026-11-30T12:00:01Z, {_QUAY}}}]}}", ("rules[0].until",)),
        Row("fourteen-days", f"{{rules: [{{name: a, until: 2026-12-14T13:00, zone: Europe/Berlin, {_QUAY}}}]}}", ("rules[0].until",)),
        Row("later", f"{{rules: [{{name: a, until: 2026-12-14T12:00:01Z, {_QUAY}}}, {{name: b, from: 2026-12-01, {_QUAY}}}]}}"),
        Row("ended", f"{{rules: [{{name: a, until: 2026-11-30T12:00:00Z, {_QUAY}}}]}}"),
    ],
    "ended": [
        Row("exemption", "{exemptions: [{name: a, users: [bob], from: 2026-11-01, until: 2026-11-30}]}", ("exemptions[0].until",)),
        Row("rule", f"{{rules: [{{name: a, until: 2026-11-30T12:00:00Z, {_QUAY}}}]}}", ("rules[0].until",)),
        Row("not-yet", f"{{rules: [{{name: a, until: 2026-11-30T12:00:01Z, {_QUAY}}}]}}"),
    ],
    "windows-over": [
        Row("denied", "{rules: [{name: a, schedule: {deny: [{name: w, from: 2026-11-01, until: 2026-11-30}]}}]}", ("rules[0].schedule.deny",)),
        Row("allowed", "{rules: [{name: a, schedule: {allow: [{name: w, from: 2026-11-01, until: 2026-11-30}]}}]}", ("rules[0].schedule.allow",)),
        Row("both", "{rules: [{name: a, schedule: {deny: [{name: w, from: 'Fri 16:00', until: 'Mon 07:00'}], allow: [{name: x, from: 2026-11-01, until: 2026-11-02}]}}]}",
            ("rules[0].schedule.allow",)),
        Row("not-yet", "{rules: [{name: a, schedule: {deny: [{name: w, from: 2026-11-01T00:00:00Z, until: 2026-11-30T12:00:01Z}]}}]}"),
        Row("another", "{rules: [{name: a, schedule: {deny: [{name: w, from: 2026-11-01, until: 2026-11-02}, {name: x, from: 2026-12-20, until: 2027-01-02}]}}]}"),
        Row("every-week", "{rules: [{name: a, schedule: {deny: [{name: w, from: 'Fri 16:00', until: 'Mon 07:00'}]}}]}"),
        Row("only-exceptions-are-over", "{rules: [{name: a, schedule: {deny: [{name: w, from: '16:00', until: '17:00'}], exceptions: [{name: x, from: 2026-11-01, until: 2026-11-02}]}}]}"),
        Row("denials-are-over", "{rules: [{name: a, schedule: {deny: [{name: w, from: 2026-11-01, until: 2026-11-02}], allow: [{name: x, from: '08:00', until: '16:00'}]}}]}"),
    ],
    "scheduled-imports-in-freeze": [
        Row("alone", f"{{rules: [{{name: a, {_FREEZE}}}]}}", ("rules[0]",)),
        Row("guard-elsewhere", f"{{rules: [{{name: a, {_FREEZE}}}, {{name: b, {_LIVE}, importPolicy: {{scheduled: false}}}}]}}", ("rules[0]",)),
        Row("guard-warns", f"{{rules: [{{name: a, {_FREEZE}}}, {{name: b, mode: warn, importPolicy: {{scheduled: false}}}}]}}", ("rules[0]",)),
        Row("guard-ends", f"{{rules: [{{name: a, {_FREEZE}}}, {{name: b, until: 2030-01-01, importPolicy: {{scheduled: false}}}}]}}", ("rules[0]",)),
        Row("guarded", f"{{rules: [{{name: a, {_LIVE}, {_FREEZE}}}, {{name: b, importPolicy: {{scheduled: false}}}}]}}"),
        Row("pinned", f"{{rules: [{{name: a, {_FREEZE}}}, {{name: b, pin: {{digest: true}}}}]}}"),
    ],
    "exemption-without-annotation": [
        Row("group", "{exemptions: [{name: a, groups: [sre]}, {name: b, users: [bob], annotation: x}]}", ("exemptions[0]",)),
        Row("people-too", f"{{exemptions: [{{name: a, users: ['{IMPORTER}', bob]}}]}}", ("exemptions[0]",)),
        Row("every-service-account", "{exemptions: [{name: a, users: ['system:serviceaccount:*:importer']}, {name: b, users: ['system:serviceaccount:openshiftx:y']}]}",
            ("exemptions[0]", "exemptions[1]")),
        Row("annotated", "{exemptions: [{name: a, groups: [sre], annotation: istag-webhook/reason}]}"),
        Row("controllers", f"{{exemptions: [{{name: a, users: ['{IMPORTER}', 'system:serviceaccount:kube-system:*']}}]}}"),
    ],
    "denied-default": [
        Row("scheduled", "{defaults: [{name: d, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, importPolicy: {scheduled: false}}]}", ("defaults[0].set",)),
        Row("insecure", "{defaults: [{name: d, set: {importPolicy: {insecure: true}}}], rules: [{name: a, importPolicy: {insecure: false}}]}", ("defaults[0].set",)),
        Row("mode", "{defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal}}}], rules: [{name: a, importPolicy: {importMode: [Legacy]}}]}", ("defaults[0].set",)),
        Row("source", "{defaults: [{name: d, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, importPolicy: {scheduledFrom: [quay.io]}}]}", ("defaults[0].set",)),
        Row("reference", "{defaults: [{name: d, set: {referencePolicy: {type: Local}}}], rules: [{name: a, referencePolicy: {allow: [Source]}}]}", ("defaults[0].set",)),
        Row("annotation", "{defaults: [{name: d, set: {annotations: {x: y}}}], rules: [{name: a, annotations: {deny: [x]}}]}", ("defaults[0].set",)),
        Row("expression", "{defaults: [{name: d, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, expression: {validations: [{expression: '!tag.scheduled'}]}}]}",
            ("defaults[0].set",)),
        Row("some-tags", "{defaults: [{name: d, match: {tags: ['v*']}, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, match: {tags: ['*-rc']}, importPolicy: {scheduled: false}}]}",
            ("defaults[0].set",)),
        Row("one-each", "{defaults: [{name: d, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, importPolicy: {scheduled: false}}, {name: b, importPolicy: {scheduled: false}}]}",
            ("defaults[0].set",)),
        Row("wanted", "{defaults: [{name: d, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, importPolicy: {scheduled: true}}]}"),
        Row("denied-anyhow", "{defaults: [{name: d, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, importPolicy: {importMode: [PreserveOriginal]}}]}"),
        Row("warned", "{defaults: [{name: d, set: {importPolicy: {scheduled: true}}}], rules: [{name: a, mode: warn, importPolicy: {scheduled: false}}]}"),
        *(
            Row(f"apart-{index}", f"{{defaults: [{{name: d, match: {default}, set: {{importPolicy: {{scheduled: true}}}}}}], "
                f"rules: [{{name: a, match: {rule}, importPolicy: {{scheduled: false}}}}]}}")
            for index, (default, rule) in enumerate([
                ("{tags: ['v*']}", "{tags: [live]}"), ("{tags: ['v*']}", "{tags: ['w*']}"), ("{tags: ['*-a']}", "{tags: ['*-b']}"),
                ("{tags: [a]}", "{tags: [b]}"), ("{resources: [imagestreams]}", "{resources: [imagestreamtags]}"),
                ("{exclude: {namespaces: ['prod-*']}}", "{namespaces: [prod-a]}"), ("{namespaces: [prod-a]}", "{exclude: {namespaces: ['prod-*']}}"),
            ])
        ),
    ],
    "overrides-cluster-default": [
        Row("mode", "{defaults: [{name: a, set: {importPolicy: {importMode: PreserveOriginal}}}]}", ("defaults[0].set.importPolicy.importMode",)),
        Row("legacy", "{defaults: [{name: a, set: {importPolicy: {importMode: Legacy}}}]}"),
        Row("others", "{defaults: [{name: a, set: {importPolicy: {scheduled: true}, referencePolicy: {type: Local}}}]}"),
    ],
    "unguarded-immutable": [
        Row("enforced", "{rules: [{name: a, match: {tags: [live]}, immutable: {}}]}", ("rules[0].immutable",)),
        Row("two", "{rules: [{name: a, immutable: {}}, {name: b, immutable: {unknown: allow}}]}", ("rules[0].immutable", "rules[1].immutable")),
        Row("recorded", "{rules: [{name: a, mode: audit, immutable: {}}, {name: b, mode: warn, immutable: {}}, {name: c, tagLimit: {max: 3}}]}"),
    ],
    "nothing-to-evaluate": [
        Row("signatures", "{rules: [{name: a, signatures: {}}]}", ("rules[0].signatures",)),
        Row(
            "labels", "{rules: [{name: a, match: {exclude: {resources: [imagestreammappings]}}, labels: {deny: [x]}}]}",
            ("rules[0].match",),
        ),
        Row(
            "streams", "{rules: [{name: a, match: {exclude: {resources: [imagestreams], tags: ['*']}}, tagLimit: {max: 3}}]}",
            ("rules[0].match",),
        ),
        Row(
            "some", "{rules: [{name: a, match: {resources: [imagestreamimports, imagestreammappings]}, labels: {deny: [x]}}, "
            "{name: b, match: {exclude: {resources: [imagestreammappings], tags: [x]}}, imageSize: {max: 1Gi}}]}",
        ),
    ],
}  # fmt: skip
