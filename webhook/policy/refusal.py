"""What a policy says to whoever a rule denied: why the rule is there, where it stands, how to comply."""

from collections.abc import Iterator
from textwrap import indent
from typing import Final

from webhook.model import Mode
from webhook.policy import Policy
from webhook.policy.entries import RuleEntry
from webhook.policy.explain import explained
from webhook.policy.located import Located

_MODES: Final = {
    Mode.ENFORCE: "denies the change",
    Mode.WARN: "warns, and lets the change happen",
    Mode.AUDIT: "is only recorded",
    Mode.IGNORE: "is not looked for",
}


def explained_rule(policy: Policy, entry: RuleEntry, where: Located | None, sentence: str = "") -> str:
    """Return the text for one rule.

    Args:
        policy: the policy that it stands in.
        entry: the rule.
        where: where it stands, None for the rule `schema` that is always there.
        sentence: what the rule said, "" where nobody asks about a message.
    """
    return "\n".join(_lines(policy, entry, where, sentence))


def _lines(policy: Policy, entry: RuleEntry, where: Located | None, sentence: str) -> Iterator[str]:
    yield f"{entry.name}: rule of policy {policy.name}, {where or 'always there, without an entry'}"
    if sentence:
        yield f"  it said: {sentence}"
    if entry.description:
        yield f"  why: {entry.description}"
    yield f"  {entry.mode}: what it finds {_MODES[entry.mode]}"
    yield f"  existing {entry.existing}: what the change leaves as it was {_MODES[entry.existing]}"
    yield ""
    if where:
        yield indent(where.source, "  ")
        yield ""
    yield indent(explained(entry.rule.kind), "  ")
    yield ""
    yield "To comply:"
    for each in entry.rule.remediation():
        yield f"  - {each}"
