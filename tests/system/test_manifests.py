"""A real server starts with the arguments, settings and policy of each overlay."""

from pathlib import Path

import pytest
from tests.support.builders import REVIEWS
from tests.support.rendered import (
    Render,
    environment,
    the,
)
from tests.support.serving import serving

from webhook.settings import variable


@pytest.mark.parametrize("name", ["openshift", "dev"])
def test_the_server_starts(name: str, render: Render, tmp_path: Path) -> None:
    """The server takes the environment of its container, and evaluates by the ConfigMap as the kubelet mounts it."""
    directory = tmp_path / "policy"
    (directory / "..1").mkdir(parents=True)
    (directory / "..data").symlink_to("..1")
    for file, text in the(render(name), "ConfigMap", "istag-webhook-policy")["data"].items():
        (directory / "..1" / file).write_text(text.replace("name: shipped", "name: mounted"))
        (directory / file).symlink_to(f"..data/{file}")
    given = {
        key: value.replace("/etc/istag-webhook", str(tmp_path)) for key, value in environment(render(name)).items()
    }
    given.pop(variable("workers"), None)
    with serving(tmp_path, **given) as running:
        _, answer = running.post((REVIEWS / "A05-oc-tag-all-flags.2-validate.json").read_bytes())
    assert answer["response"]["allowed"] is False
    assert answer["response"]["auditAnnotations"]["policy"].startswith("mounted@sha256:")
