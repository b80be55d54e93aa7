"""The manifests are right on each version that the page of supported versions names."""

import json
import re
from typing import Final

import kubernetes_validate
import pytest
from tests.support.rendered import CERTIFICATES, MANIFESTS, OPTIONAL, Document, Kustomize, overlay

_PAGE: Final = (MANIFESTS.parent / "docs" / "reference" / "supported-versions.md").read_text()
_ROWS: Final = re.findall(r"^\| (4\.\d+) \| (1\.\d+) \| ([^|]+) \|", _PAGE, re.MULTILINE)
_NEWEST: Final = re.findall(r"up to (1\.\d+)\.", _PAGE.replace("\n", " "))[0]
_VERSIONS: Final = [version for _, version, _ in _ROWS] + [_NEWEST]
_POLICIES: Final = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
# Groups that Kubernetes itself does not serve, and so has no schema of.
_OTHERS: Final = ("monitoring.coreos.com", "cert-manager.io", "image.openshift.io", "build.openshift.io")


@pytest.fixture(scope="module")
def everything(kustomize: Kustomize, tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """The objects of all overlays, and each certificate with all components at once."""
    overlays = sorted(path.parent for path in (MANIFESTS / "overlays").glob("*/kustomization.yaml"))
    chosen = [
        overlay(tmp_path_factory.mktemp(name), MANIFESTS / "base", name, *OPTIONAL, "release") for name in CERTIFICATES
    ]
    found = [document for directory in (*overlays, *chosen) for document in kustomize(directory)]
    # Most objects are alike in all of them: each is validated once.
    unlike = {json.dumps(each, sort_keys=True): each for each in found if not each["apiVersion"].startswith(_OTHERS)}
    return list(unlike.values())


def _lacks(version: str) -> str:
    return next((lacks for _, row, lacks in _ROWS if row == version), "nothing")


def _has_sidecars(document: Document) -> bool:
    return document["kind"] == "Deployment" and "initContainers" in document["spec"]["template"]["spec"]


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_table() -> None:
    """Each OpenShift from 4.14 to 4.22 has a row, with the Kubernetes that it is made of."""
    assert [(openshift, kubernetes) for openshift, kubernetes, _ in _ROWS] == [
        (f"4.{minor}", f"1.{minor + 13}") for minor in range(14, 23)
    ]


@pytest.mark.parametrize("version", _VERSIONS)
def test_schema(everything: list[Document], version: str) -> None:
    """Every object is valid by the API of this version, with no field that it does not know, but for what it lacks."""
    lacks_policies = _POLICIES[0] in _lacks(version)
    assert lacks_policies is (_number(version) < (1, 30))
    lacks_sidecars = "sidecars" in _lacks(version)
    assert lacks_sidecars is (_number(version) < (1, 29))
    for document in everything:
        lacking = (lacks_policies and document["kind"] in _POLICIES) or (lacks_sidecars and _has_sidecars(document))
        if not lacking:
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", [version for version in _VERSIONS if _number(version) < (1, 30)])
def test_what_it_lacks_is_lacking(everything: list[Document], version: str) -> None:
    """The guard is not taken where the page says that it is not."""
    for document in everything:
        if document["kind"] in _POLICIES:
            with pytest.raises((kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)):
                kubernetes_validate.validate(document, version, strict=True)


def test_conditions_are_beta_from_1_28() -> None:
    """A row that lacks matchConditions is older than Kubernetes 1.28, and no other row says so."""
    assert {version for _, version, lacks in _ROWS if "matchConditions" in lacks} == {"1.27"}


def test_the_newest_has_a_schema() -> None:
    """The page names the newest version that could be looked up, and not a newer one."""
    assert kubernetes_validate.latest_version().startswith(_NEWEST)
