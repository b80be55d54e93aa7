"""The wording of the project: `python -m tools.voice` flags translated habits."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = next(each for each in Path(__file__).resolve().parents if (each / "pyproject.toml").exists())


def _run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tools.voice", *map(str, arguments)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


# A line of each habit, and the words that are flagged in it.
_FLAGGED = {
    "Every door to a tag.": "door",
    "The change is judged by the rule.": "judged",
    "The policy is refused.": "refused",
    "Whoever runs it needs no role.": "Whoever",
    "It wakes nobody.": "wakes nobody",
    "The one who is gone gets no answer.": "who is gone",
    "Two records were passed over.": "passed over",
    "The tag is completed otherwise.": "completed otherwise",
    "It may be broken off and repeated.": "broken off",
    "For 2 clients hands were never shaken.": "hands were",
    "Write the file anew.": "anew",
    "The file stands beside the policy.": "beside",
    "An answer goes out all the same.": "all the same",
    "The CA is not needed any more.": "any more",
    "A list of what is said of the tag.": "what is said of",
    "It reports what stands in the file.": "what stands",
    "The default is None where there is no file.": "where there is",
    "Return the tag, None where the stream is new.": "None where",
    "It is skipped, for it is a template.": "for it is",
    "The string is none.": "is none",
    "They hold policies against the cases.": "hold policies against",
    "The import is to be denied.": "is to be",
    "The lock takes up newer releases.": "takes up",
    "Two globs are told apart by their stars.": "told apart",
    "Expected one at least.": "one at least",
    "The unheard records.": "unheard",
    "Evaluate what came of it.": "came of it",
}
_FLAGGED_FOR_USERS = {
    "The rule said no.": "said",
    "Ask the API server at each resource.": "Ask the API server",
    "The file is there already.": "is there already",
    "The key is not there.": "is not there",
    "2 evaluated: 1 denied, 1 findings": "1 findings",
}
_FINE = (
    "The request is denied where the stream is stored.",
    "dial tcp 127.0.0.1:8443: connect: connection refused",
    "Return the digest, None if there is none.",
    "A pipe takes up to 4096 bytes.",
    "It takes 11 findings and no more than 20 warnings.",
    "`door`",
)


def _words(path: Path) -> dict[int, list[str]]:
    """Return the words that are flagged on each line of a file."""
    done = _run(path)
    assert done.stderr == ""
    found: dict[int, list[str]] = {}
    for line in done.stdout.splitlines():
        number, word, _ = line.removeprefix(f"{path}:").split('"', 2)
        found.setdefault(int(number.rstrip(": ")), []).append(word)
    return found


def test_each_habit_is_flagged_in_documentation(tmp_path: Path) -> None:
    """Every habit is found in text that users read, on its line; a Markdown paragraph for each."""
    expected = {**_FLAGGED, **_FLAGGED_FOR_USERS}
    (tmp_path / "page.md").write_text("".join(f"{line}\n\n" for line in expected))
    found = _words(tmp_path / "page.md")
    assert [word for at, word in enumerate(expected.values()) if word not in found.get(2 * at + 1, ())] == []


def test_comments_have_a_list_of_their_own(tmp_path: Path) -> None:
    """Comments are checked for all habits except those that only matter to users."""
    lines = (*_FLAGGED, *_FLAGGED_FOR_USERS)
    (tmp_path / "module.py").write_text("".join(f"x = 1  # {line}\n\n" for line in lines))
    found = _words(tmp_path / "module.py")
    assert [word for at, word in enumerate(_FLAGGED.values()) if word not in found.get(2 * at + 1, ())] == []
    assert max(found) == 2 * len(_FLAGGED) - 1


@pytest.mark.parametrize(
    ("name", "source", "line"),
    [
        ("m.py", 'x = 1\nraise ValueError(f"the door {x} is open")\n', 2),
        ("m.py", 'x = "a" if y else "every door"\n', 1),
        ("m.py", 'def f():\n    """Return it.\n\n    Every\n    door.\n    """\n', 5),
        ("m.py", "# If it is read,\n# drop every door.\nx = 1\n", 2),
        ("m.py", '"""What a door is."""\n'.replace("door", "tag"), 1),
        ("p.html", "<p>\n{% if x %}Every door{% endif %}</p>\n", 2),
        ("p.js", 'const a = 1;\nlabel.textContent = "every door";\n', 2),
        ("p.yaml", "a: 1\n# every door\n", 2),
    ],
    ids=["f-string", "string", "docstring", "comment", "clause", "template", "script", "manifest"],
)
def test_where_sentences_are_found(tmp_path: Path, name: str, source: str, line: int) -> None:
    """Strings, docstrings, comments, templates, scripts and manifests are checked; the line is that of the word."""
    path = tmp_path / name
    path.write_text(source)
    done = _run(path)
    assert done.returncode == 1
    assert [each.split('"')[0] for each in done.stdout.splitlines()] == [f"{path}:{line}: "]


def test_a_long_sentence_is_flagged(tmp_path: Path) -> None:
    """A sentence of a docstring has at most 25 words; the arguments are sentences of their own."""
    docstring = (
        f"{'word ' * 24}end.\n\n    {'word ' * 25}end.\n\n    Args:\n        x: {'word ' * 23}end.\n        y: a."
    )
    (tmp_path / "m.py").write_text(f'def f() -> None:\n    """{docstring}\n    """\n')
    done = _run(tmp_path / "m.py")
    assert done.stdout == f'{tmp_path}/m.py:4: "{"word " * 6}…"; write: at most 25 words, not 26\n'


def test_other_sentences_are_not_flagged(tmp_path: Path) -> None:
    """Words with another meaning, code, and good sentences pass."""
    (tmp_path / "page.md").write_text("\n\n".join((*_FINE, "```\na door\n```")) + "\n")
    done = _run(tmp_path / "page.md")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_project() -> None:
    """The project has only the habits that voice.toml allows."""
    done = _run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("entry", "code", "expected"),
    [
        ('files = "tools/voice.py"\nreason = ""', 2, "expected files, reason and optionally word"),
        ('files = "tools/voice.py"\nreason = "x"\nwords = "door"', 2, "expected files, reason and optionally word"),
        (
            'files = "webhook/text.py"\nword = "door"\nreason = "x"',
            1,
            'webhook/text.py has no "door"; delete the entry',
        ),
    ],
    ids=["no-reason", "unknown-key", "unused"],
)
def test_an_exception_has_a_reason_and_a_use(tmp_path: Path, entry: str, code: int, expected: str) -> None:
    """An exception without a reason is an error, and one for a word that is not found is reported."""
    (tmp_path / "voice.toml").write_text(f"[[allow]]\n{entry}\n")
    done = _run("--exceptions", tmp_path / "voice.toml", _ROOT / "webhook" / "text.py")
    assert done.returncode == code
    assert expected in done.stdout + done.stderr
