"""The contents of the image: its SBOM, and the page of its licences.

`make sbom` and `make licences` run this, in the environment of CycloneDX's tools.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

# The allowed licences in the image, each with a reason, by SPDX identifier.
ALLOWED: Final = {
    "Apache-2.0": "permissive, and the project's own",
    "BSD-2-Clause": "permissive",
    "BSD-3-Clause": "permissive",
    "ISC": "permissive",
    "LicenseRef-BSD": "permissive; the library calls it the BSD License, and its text says which",
    "MIT": "permissive",
    "MIT-0": "permissive, without even a notice",
    "MPL-2.0": "weak copyleft: who changes one of its files gives that file away; here they are used as they were released",
    "PSF-2.0": "permissive, Python's own",
    "Python-2.0": "permissive, Python's own",
}
# Libraries that have no SPDX identifier in their metadata have a classifier.
_CLASSIFIERS: Final = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "LicenseRef-BSD",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_OPERATORS: Final = re.compile(r"\s+(?:AND|OR|WITH)\s+|[()]")
_PAGE: Final = """# Licences

The libraries of the image, as `requirements.lock` names them, and what they say their licence is. Each brings the text in
its `*.dist-info`. The project's own is in [LICENSE](LICENSE). Python and the packages of the base image are not listed
here: in the image, `rpm --query --all --queryformat '%{{name}} %{{license}}\\n'` does.

`make licences` writes this page; a library whose licence is not among those that may be there fails.

| library | version | licence |
|---|---|---|
{libraries}

## What a licence may be

| licence | why |
|---|---|
{allowed}
"""


class Unsound(Exception):
    """The image would hold what it may not, or what is not known; the message says what."""


def joined(installed: dict[str, Any], locked: dict[str, Any]) -> dict[str, Any]:
    """Return an SBOM of what is installed, with the hashes of the lock.

    Args:
        installed: the SBOM of the environment, which knows licences and what needs what.
        locked: the SBOM of the lock, which knows the hashes of the files that each library may come from.

    Raises:
        Unsound: a library is not locked in its version, or has no hash, or the project is not the root.
    """
    if not installed["metadata"].get("component"):
        raise Unsound("the SBOM has no root: the project's pyproject.toml was not read")
    hashed = {
        each["purl"]: [file for file in each.get("externalReferences", ()) if file.get("hashes")]
        for each in locked["components"]
    }
    components = []
    for each in installed["components"]:
        if not (files := hashed.get(each["purl"])):
            raise Unsound(f"{each['name']} {each['version']} is installed, and requirements.lock has no hash of it")
        components.append({**each, "externalReferences": [*each.get("externalReferences", ()), *files]})
    return {**installed, "components": components}


def licences(component: dict[str, Any]) -> list[str]:
    """Return the licences of a component in an SBOM: SPDX expressions, or other names."""
    said = []
    for each in component.get("licenses", ()):
        declared = each.get("expression") or each["license"].get("id") or each["license"]["name"]
        said.append(_CLASSIFIERS.get(declared, declared))
    return list(dict.fromkeys(said))


def refused(said: Iterable[str]) -> list[str]:
    """Return the licences that may not be there; of alternatives each must be allowed, and so must exceptions."""
    terms = [term.strip() for each in said for term in _OPERATORS.split(each)]
    return [term for term in terms if term and term not in ALLOWED] if any(terms) else ["no licence"]


def page(sbom: dict[str, Any]) -> str:
    """Return the page of the licences, in Markdown.

    Raises:
        Unsound: a library has a licence that may not be there, or none.
    """
    rows, faults = [], []
    for each in sorted(sbom["components"], key=lambda each: each["name"].casefold()):
        said = licences(each)
        rows.append(f"| {each['name']} | {each['version']} | {', '.join(said)} |")
        faults += [f"{each['name']} {each['version']}: {term}" for term in refused(said)]
    if faults:
        raise Unsound("licences that are not among those that may be there: " + "; ".join(faults))
    allowed = [f"| {name} | {reason} |" for name, reason in ALLOWED.items()]
    return _PAGE.format(libraries="\n".join(rows), allowed="\n".join(allowed))


def _validated(sbom: dict[str, Any]) -> str:
    """Return an SBOM as JSON.

    Raises:
        Unsound: it is not as CycloneDX's schema of its version says.
    """
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - the tests of this room have no CycloneDX
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - as above

    text = json.dumps(sbom, indent=2, sort_keys=True) + "\n"
    if error := JsonStrictValidator(SchemaVersion.from_version(sbom["specVersion"])).validate_str(text):
        raise Unsound(f"the SBOM is not as CycloneDX's schema says: {error.data.json_path}: {error.data.message}")
    return text


def main(command: str, *arguments: str) -> None:
    """Join two SBOMs into a third file, or write an SBOM's licences into a page."""
    *sources, target = map(Path, arguments)
    read = [json.loads(path.read_text()) for path in sources]
    text = _validated(joined(*read)) if command == "join" else page(*read)
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    print(f"sbom: {target}")  # noqa: T201 - this is a command


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Unsound as error:
        sys.exit(f"sbom: {error}")
