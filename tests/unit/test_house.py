"""The house's own rules, kept by the build."""

import ast
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

from webhook.model.tag import SourceKind
from webhook.resources.catalog import KINDS, NAMES, RESOURCES

_ROOT = Path(__file__).parents[2]
_LINT = str(Path(sys.executable).with_name("lint-imports"))
# Which rules a line leaves out, and why.
_EXEMPTION = re.compile(r"noqa: (?P<rules>[A-Z]+\d+(?:, [A-Z]+\d+)*) - (?P<reason>\S.*)")


def test_the_contracts_hold() -> None:
    """A room imports only what stands below it, and one library lives in one room."""
    done = subprocess.run([_LINT, "--no-cache"], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_contracts_would_notice(tmp_path: Path) -> None:
    """An import upwards and a library in another room break the build."""
    (tmp_path / "webhook").mkdir()
    for path in (_ROOT / "webhook").rglob("*.py"):
        copy = tmp_path / path.relative_to(_ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    text = tmp_path / "webhook" / "text.py"
    text.write_text(text.read_text() + "\nimport flask\nfrom webhook.service import app\n")
    (tmp_path / "pyproject.toml").write_text((_ROOT / "pyproject.toml").read_text())
    done = subprocess.run([_LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "A room imports only what stands below it BROKEN" in done.stdout
    assert "flask and werkzeug live in service BROKEN" in done.stdout


def test_importing_does_nothing() -> None:
    """Importing any room reads no file of a user, starts nothing and prints nothing."""
    rooms = [
        ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (_ROOT / "webhook").rglob("*.py")
        if path.name != "__main__.py"
    ]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import threading, " + ", ".join(rooms) + "; print(threading.active_count())"],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")


_PACKAGE = _ROOT / "webhook"
_MODULES = sorted(path for path in _PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
_LONGEST, _SHORTEST = 250, 30  # lines
_MOST_MODULES = 135  # in rooms
_SHORT: dict[str, str] = {}  # modules under 30 lines, and why
# Modules that share a name, and the thing of which they are two sides.
_TWO_SIDES = {
    "diff": "a command, and what it evaluates",
    "fix": "a command, and what it evaluates",
    "history": "the history of a tag, as records and as the API tell it",
    "policy": "the commands about a policy, and the policy",
    "records": "a command, and what it reads",
    "scan": "a command, and what it evaluates",
    "tag": "a tag as a value, and as the API writes it",
    "test": "a command, and what it evaluates",
}


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_modules_are_small() -> None:
    """No module has more than 250 lines, and one with fewer than 30 has a reason."""
    lines = {str(path.relative_to(_PACKAGE)): _lines(path) for path in _MODULES}
    assert {name: count for name, count in lines.items() if count > _LONGEST} == {}
    assert {name for name, count in lines.items() if count < _SHORTEST} == set(_SHORT)


def test_an_init_is_a_docstring() -> None:
    """Importing one module of a room imports none of its neighbours; the package itself has the version as well."""
    bodies = {path: ast.parse(path.read_text()).body for path in _PACKAGE.rglob("__init__.py")}
    assert [ast.unparse(each).partition(":")[0] for each in bodies.pop(_PACKAGE / "__init__.py")[1:]] == [
        "from typing import Final",
        "__version__",
    ]
    assert [path for path, body in bodies.items() if len(body) != 1 or not isinstance(body[0], ast.Expr)] == []


def test_the_server_lists_its_modules() -> None:
    """The docstring of the server names its modules, and no others."""
    listed = re.findall(
        r"^- (`.*?):", (_PACKAGE / "server" / "__init__.py").read_text().partition("\nThe server uses")[0], re.MULTILINE
    )
    named = {name for line in listed for name in re.findall(r"`(\w+)`", line)}
    assert named == {path.stem for path in _MODULES if path.parent.name == "server"}


def test_a_name_is_one_module() -> None:
    """Two modules share a name only if they are two sides of one thing."""
    places = defaultdict(list)
    for path in _MODULES:
        places[path.stem].append(path)
    shared = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert shared.keys() == _TWO_SIDES.keys()
    assert {len(paths) for paths in shared.values()} == {2}


def test_the_rooms_are_few() -> None:
    """Leaf modules and `globs`, a library of its own, are not counted."""
    rooms = [path for path in _MODULES if path.parent not in (_PACKAGE, _PACKAGE / "globs")]
    assert len(rooms) <= _MOST_MODULES


def test_no_key_is_tracked() -> None:
    """No key and no certificate is in the repository."""
    listed = subprocess.run(["git", "ls-files"], cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout
    assert [name for name in listed.splitlines() if name.endswith((".key", ".crt", ".pem"))] == []


def _exemptions(path: Path) -> list[str]:
    """Return what a file says to the linter, without the sign of a comment."""
    with tokenize.open(path) as file:
        comments = [token.string for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
    return [
        comment.removeprefix("#").strip() for comment in comments if re.match(r"#\s*noqa\b", comment, re.IGNORECASE)
    ]


@pytest.mark.parametrize("room", ["webhook", "tests", "tools"])
def test_each_exemption_from_a_rule_has_a_reason(room: str) -> None:
    """A line that leaves out a rule of the linter names the rule, and says why."""
    said = [(path, each) for path in sorted((_ROOT / room).rglob("*.py")) for each in _exemptions(path)]
    assert said, "there are some"
    assert [f"{path}: {each}" for path, each in said if not _EXEMPTION.fullmatch(each)] == []


@pytest.mark.parametrize(
    "comment", ["# noqa", "# NOQA: S102", "# noqa: S102, S103", "#noqa: S102 -", "# noqa: all - it is so"]
)
def test_an_exemption_without_a_reason_is_noticed(comment: str, tmp_path: Path) -> None:
    """No reason, or no rule, is not taken for one."""
    path = tmp_path / "line.py"
    path.write_text(f'exec("# noqa")  {comment}\n')
    (found,) = _exemptions(path)
    assert _EXEMPTION.fullmatch(found) is None


def test_what_the_project_leaves_out_has_a_reason() -> None:
    """Each rule that pyproject.toml leaves out, everywhere or in a directory, has its reason behind it."""
    ignored = re.findall(r'^  "([A-Z]+\d+)",(.*)$', (_ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {"S101", "COM812"} <= {rule for rule, _ in ignored}
    assert [rule for rule, reason in ignored if not re.match(r" +# \w", reason)] == []


def test_the_security_page_says_which_rules_are_left_out() -> None:
    """SECURITY.md lists each line of the package that leaves out one of bandit's rules, with the line's own reason."""
    found = {
        (str(path.relative_to(_ROOT)), rule, said["reason"])
        for path in (_ROOT / "webhook").rglob("*.py")
        for said in map(_EXEMPTION.fullmatch, _exemptions(path))
        if said
        for rule in said["rules"].split(", ")
        if re.fullmatch(r"S\d+", rule)
    }
    rows = re.findall(
        r"^\| `(webhook/\S+)` \| (S\d+) [^|]*\| (.*) \|$", (_ROOT / "SECURITY.md").read_text(), re.MULTILINE
    )
    assert set(rows) == found


_PLURALS = re.compile(rf"\b(?:{'|'.join(NAMES)})\b")
_DOCUMENTED = {
    "webhook/expressions/declarations.py": "a variable's documentation gives two names as examples",
    "webhook/policy/lint/writing.py": "a remedy names the resources whose deletion RBAC must withhold",
}


def _named(path: Path) -> list[str]:
    """Return the string literals and the imports of a module that name a single resource; docstrings may."""
    tree = ast.parse(path.read_text())
    prose = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    texts = [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in prose
    ]
    imports = [
        f"{each.module}.{name.name}"
        for each in ast.walk(tree)
        if isinstance(each, ast.ImportFrom) and each.module and each.module.startswith("webhook.resources")
        for name in each.names
    ]
    kinds = set(KINDS) - set(SourceKind)  # a source of a tag may have the kind of a resource
    return [text for text in (*texts, *imports) if _PLURALS.search(text) or text in kinds]


def test_a_resource_is_named_in_one_room() -> None:
    """Only `webhook/resources` names a single resource, so a new one needs its module, its types and one list."""
    found = {
        str(path.relative_to(_ROOT)): named
        for path in sorted((_ROOT / "webhook").rglob("*.py"))
        if path.parent.name != "resources" and (named := _named(path))
    }
    assert found.keys() == _DOCUMENTED.keys(), found


@pytest.mark.parametrize(
    "line",
    [
        'x = "imagestreamtags"',
        "x = f'request.resource.resource == \"imagestreams\" && {y}'",
        'x = {"imagestreams/status": 1}',
        'x = "ImageStreamMapping"',
        "from webhook.resources import imagestreams",
        "from webhook.resources.imagetags import RESOURCE",
    ],
)
def test_a_resource_that_is_named_elsewhere_is_noticed(line: str, tmp_path: Path) -> None:
    """A literal, a part of one and an import are."""
    path = tmp_path / "line.py"
    path.write_text(f'"""Docstrings may say imagestreamtags."""\n{line}\n')
    assert len(_named(path)) == 1


def test_each_module_of_a_resource_is_in_the_list() -> None:
    """Each module that defines a resource is in the list, and nothing else is."""
    room = _ROOT / "webhook" / "resources"
    modules = [path.stem for path in room.glob("*.py") if re.search("^RESOURCE: Final", path.read_text(), re.MULTILINE)]
    defined = {import_module(f"webhook.resources.{name}").RESOURCE.name for name in modules}
    assert len(modules) == len(defined)
    assert defined == set(RESOURCES)
