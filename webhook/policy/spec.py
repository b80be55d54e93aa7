"""A policy document: its parts, how each is read and described."""

from typing import Any, Final

from webhook.parameters import Choice, Items, Parameter, Record, Schema
from webhook.policy.entries import API_VERSION, DEFAULT, EXEMPTION, KIND, RULE, Name


class _WarningName(Parameter):
    """The name of a warning; the checks are imported only for a policy that names one."""

    def read(self, value: Any) -> str:
        """Return the name."""
        return _warning().read(value)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return _warning().schema()


def _warning() -> Choice:
    from webhook.policy.lint.catalogue import names  # noqa: PLC0415 - see above

    return Choice(*names())


SPEC: Final = {"exemptions": Items(EXEMPTION), "defaults": Items(DEFAULT), "rules": Items(RULE)}
POLICY: Final = Record(
    {
        "apiVersion": Choice(API_VERSION, required=True),
        "kind": Choice(KIND, required=True),
        "metadata": Record({"name": Name(required=True)}, lambda name: name, required=True),
        "spec": Record(
            {**SPEC, "ignore": Items(_WarningName())},
            dict,
            docs={"ignore": "warnings of `policy validate` that are not to be reported, by name"},
            needs=tuple(SPEC),
            required=True,
        ),
    },
    lambda metadata, spec, **_: (metadata, spec),
)
