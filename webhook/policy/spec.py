"""A policy document: its parts, how each is read and described."""

from typing import Final

from webhook.parameters import Choice, Items, Record
from webhook.policy.entries import API_VERSION, DEFAULT, EXEMPTION, KIND, RULE, Name
from webhook.policy.lint.catalogue import WarningName

SPEC: Final = {"exemptions": Items(EXEMPTION), "defaults": Items(DEFAULT), "rules": Items(RULE)}
POLICY: Final = Record(
    {
        "apiVersion": Choice(API_VERSION, required=True),
        "kind": Choice(KIND, required=True),
        "metadata": Record({"name": Name(required=True)}, lambda name: name, required=True),
        "spec": Record(
            {**SPEC, "ignore": Items(WarningName())},
            dict,
            docs={"ignore": "warnings of `policy validate` that are not to be reported, by name"},
            needs=tuple(SPEC),
            required=True,
        ),
    },
    lambda metadata, spec, **_: (metadata, spec),
)
