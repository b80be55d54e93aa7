"""The supply chain: what `make sbom` and `make licences` write, and that the page of licences is that of the lock."""

import json
import re
import subprocess
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from tools import sbom
from tools.image import ROOT, locked


def _rows() -> list[tuple[str, str, str]]:
    """Return library, version and licence, as LICENSES.md has them."""
    text = (ROOT / "LICENSES.md").read_text()
    return re.findall(r"^\| ([^ |]+) \| (\d[^ |]*) \| ([^|]*) \|$", text, re.MULTILINE)


def test_the_page_of_licences_is_that_of_the_lock() -> None:
    """Each library that the image gets is on the page in its version, and nothing else is."""
    libraries = {
        (name, version)
        for name, (version, marker) in locked("requirements.lock").items()
        if not marker or Marker(marker).evaluate()
    }
    assert libraries
    assert {(canonicalize_name(name), version) for name, version, _ in _rows()} == libraries, (
        "`make licences` writes it anew"
    )


@pytest.mark.parametrize(("library", "version", "said"), _rows(), ids=lambda value: value)
def test_each_licence_may_be_there(library: str, version: str, said: str) -> None:
    """A library of the image has a licence, and each that it names is on the list with a reason."""
    assert sbom.refused(said.split(", ")) == [], f"{library} {version}"


def test_the_page_says_what_may_be_there() -> None:
    """The list that is held is the list that is shown."""
    text = (ROOT / "LICENSES.md").read_text()
    rows = re.findall(r"^\| (\S+) \| ([^|\d][^|]*) \|$", text.partition("## What a licence may be")[2], re.MULTILINE)
    assert dict(rows[1:]) == sbom.ALLOWED


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        pytest.param(["MIT"], [], id="allowed"),
        pytest.param(["MPL-2.0 AND (Apache-2.0 OR MIT)"], [], id="an expression"),
        pytest.param(["GPL-3.0-only"], ["GPL-3.0-only"], id="copyleft"),
        pytest.param(["MIT OR GPL-3.0-only"], ["GPL-3.0-only"], id="an alternative"),
        pytest.param(["GPL-2.0-only WITH Classpath-exception-2.0"], ["GPL-2.0-only", "Classpath-exception-2.0"], id="an exception"),
        pytest.param(["MIT", "License :: Other/Proprietary License"], ["License :: Other/Proprietary License"], id="a second one"),
        pytest.param([], ["no licence"], id="none"),
        pytest.param([""], ["no licence"], id="empty"),
    ],
)  # fmt: skip
def test_which_licences_are_refused(said: list[str], wrong: list[str]) -> None:
    """A licence that is not listed is denied, and so is a library without one."""
    assert sbom.refused(said) == wrong


def _component(name: str, *licenses: dict[str, Any], version: str = "1.0", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": list(licenses),
        **fields,
    }


@pytest.mark.parametrize(
    ("licenses", "said"),
    [
        pytest.param([{"expression": "Apache-2.0 AND MIT"}], ["Apache-2.0 AND MIT"], id="expression"),
        pytest.param([{"license": {"id": "MIT"}}], ["MIT"], id="identifier"),
        pytest.param([{"license": {"name": "License :: OSI Approved :: BSD License"}}], ["LicenseRef-BSD"], id="classifier"),
        pytest.param(
            [{"license": {"id": "Apache-2.0"}}, {"license": {"name": "License :: OSI Approved :: Apache Software License"}}],
            ["Apache-2.0"],
            id="said twice",
        ),
        pytest.param([{"license": {"name": "Beerware"}}], ["Beerware"], id="a name"),
        pytest.param([], [], id="nothing"),
    ],
)  # fmt: skip
def test_what_a_library_says(licenses: list[dict[str, Any]], said: list[str]) -> None:
    """Expressions, identifiers and classifiers become SPDX identifiers; other text is unchanged."""
    assert sbom.licences(_component("a", *licenses)) == said


def test_a_page_with_a_licence_that_may_not_be_there() -> None:
    """It is not written, and each library is named with what is wrong."""
    components = [_component("good", {"license": {"id": "MIT"}}), _component("bad", {"expression": "MIT AND SSPL-1.0"}), _component("mute")]  # fmt: skip
    with pytest.raises(sbom.Unsound, match=r"bad 1\.0: SSPL-1\.0; mute 1\.0: no licence$"):
        sbom.page({"components": components})


_FILE = {"type": "distribution", "url": "a", "hashes": [{"alg": "SHA-256", "content": "0" * 64}]}
_SITE = {"type": "website", "url": "b"}


def test_an_sbom_has_the_hashes_of_the_lock() -> None:
    """Licences and the graph come from what is installed, hashes from the lock; what the image does not get is left out."""
    root = {"component": {"name": "istag-webhook"}}
    installed = {
        "metadata": root,
        "components": [_component("a", {"license": {"id": "MIT"}}, externalReferences=[_SITE])],
    }
    locked = {
        "components": [
            _component("a", externalReferences=[_FILE]),
            _component("windows-only", externalReferences=[_FILE]),
        ]
    }
    (component,) = sbom.joined(installed, locked)["components"]
    assert component["externalReferences"] == [_SITE, _FILE]
    assert component["licenses"] == [{"license": {"id": "MIT"}}]


@pytest.mark.parametrize(
    ("metadata", "locked", "message"),
    [
        pytest.param({"component": {}}, [], "no root", id="no root"),
        pytest.param({"component": {"name": "p"}}, [], r"a 1\.0 is installed, and requirements.lock has no hash", id="not locked"),
        pytest.param({"component": {"name": "p"}}, [_component("a", version="2.0", externalReferences=[_FILE])], r"a 1\.0", id="version"),
        pytest.param({"component": {"name": "p"}}, [_component("a", externalReferences=[_SITE])], r"a 1\.0", id="no hash"),
    ],
)  # fmt: skip
def test_an_sbom_that_would_not_be_whole(metadata: dict[str, Any], locked: list[dict[str, Any]], message: str) -> None:
    """A library without a hash in the lock is not skipped."""
    with pytest.raises(sbom.Unsound, match=message):
        sbom.joined({"metadata": metadata, "components": [_component("a")]}, {"components": locked})


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_sbom_of_the_image() -> None:
    """CycloneDX's own tools make it and take it: the project at the root, hashes and licences, and nothing that time changes."""
    if _make("--question", ".supply/image/done").returncode:
        pytest.skip("the tools of the supply chain are not there, or older than the lock: `make sbom` installs them")
    done = _make("sbom")
    assert done.returncode == 0, done.stderr
    bom = json.loads((ROOT / "dist" / "istag-webhook.cdx.json").read_text())
    assert "serialNumber" not in bom
    assert "timestamp" not in bom["metadata"]
    root = bom["metadata"]["component"]
    assert (root["name"], root["type"]) == ("istag-webhook", "application")
    (needed,) = [each["dependsOn"] for each in bom["dependencies"] if each["ref"] == root["bom-ref"]]
    assert "gunicorn" in [name.partition("==")[0] for name in needed]
    assert sbom.page(bom) == (ROOT / "LICENSES.md").read_text()


def _anchors(text: str) -> set[str]:
    """Return what the headings of a page can be linked by."""
    return {
        re.sub(r"[^\w -]", "", line).replace(" ", "-").lower() for line in re.findall(r"^#+ (.*)", text, re.MULTILINE)
    }


def test_the_security_page_leads_somewhere() -> None:
    """Each page and each section that SECURITY.md links to is there, and so is each command that it names."""
    text = (ROOT / "SECURITY.md").read_text()
    links = re.findall(r"\]\(([^)#:]+)(?:#([^)]+))?\)", text)
    assert links
    for page, section in links:
        assert not section or section in _anchors((ROOT / page).read_text()), f"{page}#{section}"
        assert (ROOT / page).exists(), page
    commands = set(re.findall(r"`make (\w+)`", text))
    assert commands <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"audit", "sbom", "licences"} <= commands
