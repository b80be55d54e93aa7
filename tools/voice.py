"""Checks the project's sentences for translated wording: `python -m tools.voice [FILE]...`, part of `make lint`.

Docstrings and comments are checked for HABITS. Text that users read is also checked for USER_HABITS: messages, help,
documentation, manifests, the page. `voice.toml` lists the exceptions, each with its reason.

Exit codes: 0 no findings, 1 findings, 2 an invalid exception.
"""

import argparse
import ast
import re
import sys
import tokenize
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
ALLOWED: Final = Path(__file__).with_name("voice.toml")
FILES: Final = (
    "*.md",
    "Makefile",
    "docs/**/*.md",
    "manifests/**/*.md",
    "manifests/**/*.yaml",
    "manifests/**/*.json",
    "tools/*.py",
    "webhook/**/*.html",
    "webhook/**/*.js",
    "webhook/**/*.py",
    "webhook/**/*.yaml",
)
# Docstrings that users read: `--help`, `policy explain` and the tables in the documentation.
HELP: Final = ("webhook/cli/*", "webhook/rules/*", "webhook/policy/lint/*")


@dataclass(frozen=True, slots=True)
class Habit:
    """A translated habit.

    Attributes:
        expression: what it looks like; a space matches any white space, and case is ignored.
        stems: lower-case texts of which one is in every match, to skip a file without running the expression.
        write: what to write instead.
    """

    expression: str
    stems: tuple[str, ...]
    write: str


HABITS: Final = (
    Habit(r"\bdoors?\b", ("door",), "resource"),
    Habit(r"\bjudg(?:e[sd]?|ing|ement)\b", ("judg",), "evaluate, check"),
    Habit(r"(?<!connection.)\brefus(?:e[sd]?|ing|als?)\b", ("refus",), "deny, reject"),
    Habit(r"\bwho(?:so)?ever\b", ("whoever", "whosoever"), "a user, a client"),
    Habit(r"\b(?:nobody|somebody)\b", ("nobody", "somebody"), "no user, another client"),
    Habit(r"\bwho (?:is|are|has|have) gone\b", ("gone",), "disconnected"),
    Habit(r"\bpass(?:ed|es|ing)? over\b", ("over",), "skip"),
    Habit(r"\bcompleted otherwise\b", ("completed",), "would be mutated differently"),
    Habit(r"\bwakes? nobody\b", ("wake",), "low operational burden"),
    Habit(r"\b(?:broken|breaks?|breaking) off\b", (" off",), "interrupt"),
    Habit(r"\bhands were\b|\bshak(?:e|es|en|ing) hands\b", ("hands",), "the TLS handshake"),
    Habit(r"\banew\b", ("anew",), "again"),
    Habit(r"\bbeside\b", ("beside",), "next to, apart from"),
    Habit(r"\ball the same\b", ("same",), "anyway"),
    Habit(r"\bany more\b(?! than| [a-z]+s\b)|\bno more(?=[.,;:)])", (" more",), "no longer"),
    Habit(r"\b(?:what is|is|was|be) said (?:of|by)\b|\bsays? of\b", ("said", "say"), "name the thing"),
    Habit(r"\bwhat stands\b|\bstands? (?:twice|beside|alone|there)\b", ("stand",), "name the thing"),
    Habit(
        r"\bwhere (?:there (?:is|are|was)|it (?:is|was|has|can|cannot|does|did)|they (?:are|have|do)|"
        r"none|nothing|neither|both|one (?:is|was)|that is|this is)\b",
        ("where",),
        "if, when",
    ),
    Habit(r"""(?:\bNone|""|\b0|\bnothing|\bempty|\bfalse|\btrue),? where\b""", ("where",), "if, when"),
    Habit(
        r", for (?:it|they|there|that|this|nothing|a|the) (?:\w+ )?(?:is|are|was|has|have|can|may|does|do|did)\b",
        (", for",),
        "because",
    ),
    Habit(r"(?<!there.)\b(?:is|are|was|were) none\b", (" none",), "is not one, there is none"),
    Habit(r"\bhold(?:s|ing)? (?:\w+ )?against\b|\bheld against\b", ("against",), "validate, compare"),
    Habit(r"\b(?:is|are|was|were) to be\b", ("to be",), "is, must be"),
    Habit(r"\b(?:takes?|taken|took) up\b(?! to)", (" up",), "process, adopt"),
    Habit(r"\btold apart\b|\b(?:is|are) told (?:by|from)\b", ("told",), "distinguish"),
    Habit(r"\bone at least\b|\b(?:characters|bytes|bits|days|lines) at (?:most|least)\b", (" at ",), "at least N"),
    Habit(r"\b(?:unheard|unasked|untold|whence|thereof|therein|lest)\b", ("un", "whence", "there", "lest"), "drop it"),
    Habit(r"\bcom(?:es?|ing) of it\b|\bcame of it\b", ("of it",), "result"),
)
USER_HABITS: Final = (
    Habit(r"\bsaid\b", ("said",), "report"),
    Habit(r"\bask(?:s|ed|ing)? (?:the|an|each) (?:api server|cluster)\b", ("ask",), "query, call"),
    Habit(r"\b(?:is|are) there already\b", ("already",), "already exists"),
    Habit(r"\b(?:is|are|was|were) not there\b", ("not there",), "is missing"),
    Habit(
        r"(?<![\d.,])1 (?:findings(?!, 2)|faults|errors|warnings|tags|streams|records|files|lines|signatures|reviews|rules)\b",
        ("1 ",),
        "the plural follows the number",
    ),
)
# Sentences that begin with a noun clause. Case matters, and questions are fine.
CLAUSE: Final = re.compile(r"(?:\A|[.;] )(?:What|Whatever|Who|Where) (?![^.?]*\?)")


MOST_WORDS: Final = 25  # of a sentence, the parts before and after a colon or semicolon each
_PARAGRAPH: Final = re.compile(r"\n\s*\n|\n\s*(?=[A-Za-z_*]+: |- |\d\. |@)")
_END: Final = re.compile(r"(?<=[.;:!?])\s+")


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a file.

    Attributes:
        line: the line on which it begins, from 1.
        value: the text.
        user: whether users read it.
        sentences: whether it consists of whole sentences, so that CLAUSE and MOST_WORDS apply.
    """

    line: int
    value: str
    user: bool
    sentences: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A habit in a file."""

    path: str
    line: int
    found: str
    write: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: "{self.found}"; write: {self.write}'


@dataclass(frozen=True, slots=True)
class Allowance:
    """An allowed habit.

    Attributes:
        files: a glob of paths.
        word: the allowed text in lower case, "" for every habit.
        reason: why it is allowed.
    """

    files: str
    word: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the exception allows `finding`."""
        return fnmatch(finding.path, self.files) and self.word in ("", finding.found.casefold())


def _compiled(habits: Sequence[Habit]) -> tuple[tuple[Habit, re.Pattern[str]], ...]:
    return tuple((each, re.compile(each.expression.replace(" ", r"\s+"), re.IGNORECASE)) for each in habits)


_COMPILED: Final = _compiled(HABITS)
_COMPILED_USER: Final = _compiled(USER_HABITS)


def _python(source: str, *, helps: bool) -> Iterator[Text]:
    """Yield the docstrings, the strings with a space, and the comments of a module."""
    tree = ast.parse(source)
    docstrings: set[int] = set()
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings.add(id(first.value))
        if isinstance(node, ast.JoinedStr):
            inner.update(map(id, node.values))
            text = "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values)
            yield Text(node.lineno, text, user=True)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            if id(node) in docstrings:
                yield Text(node.lineno, node.value, user=helps, sentences=True)
            elif " " in node.value:
                yield Text(node.lineno, node.value, user=True)
    if "#" in source:
        yield from _comments(source)


def _comments(source: str) -> Iterator[Text]:
    """Yield the comments of a module; the lines of a comment without code are one text."""
    lines: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__):
        if token.type != tokenize.COMMENT:
            continue
        alone = token.line[: token.start[1]].isspace() or token.start[1] == 0
        if lines and not (alone and token.start[0] == lines[-1][0] + 1):
            yield _joined(lines)
            lines = []
        lines.append((token.start[0], token.string.lstrip("# ")))
        if not alone:
            yield _joined(lines)
            lines = []
    if lines:
        yield _joined(lines)


def _joined(lines: list[tuple[int, str]]) -> Text:
    return Text(lines[0][0], "\n".join(text for _, text in lines), user=False, sentences=True)


_CODE: Final = re.compile(r"^ *```.*?^ *```|`[^`\n]*`|<!--.*?-->", re.DOTALL | re.MULTILINE)
_MARKUP: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>|\{[{%#].*?[}%#]\}", re.DOTALL)
_LITERAL: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`')


def _blanked(expression: re.Pattern[str], source: str) -> str:
    """Replace all matches by white space, and keep the lines."""
    return expression.sub(lambda match: "\n" * match.group().count("\n") or " ", source)


def _texts(path: str, source: str) -> Iterator[Text]:
    """Yield the texts of a file."""
    suffix = Path(path).suffix
    if suffix == ".py":
        yield from _python(source, helps=any(fnmatch(path, each) for each in HELP))
    elif suffix == ".js":
        for match in _LITERAL.finditer(source):
            if " " in match.group():
                yield Text(source.count("\n", 0, match.start()) + 1, match.group(), user=True)
    else:
        kept = {".md": _CODE, ".html": _MARKUP}.get(suffix)
        yield Text(1, _blanked(kept, source) if kept else source, user=True)


def findings(path: str, source: str) -> Iterator[Finding]:
    """Yield the habits in a file.

    Args:
        path: its path in the repository.
        source: its content.
    """
    folded = source.casefold()
    tables = [
        [(habit, expression) for habit, expression in table if any(stem in folded for stem in habit.stems)]
        for table in (_COMPILED, _COMPILED_USER)
    ]
    for text in _texts(path, source):
        starts = [match.end() for match in re.finditer("\n", text.value)]
        for habit, expression in (*tables[0], *(tables[1] if text.user else ())):
            for match in expression.finditer(text.value):
                line = text.line + bisect_right(starts, match.start())
                yield Finding(path, line, " ".join(match.group().split()).strip(", "), habit.write)
        if text.sentences:
            yield from _long(path, text)
        if text.sentences and (match := CLAUSE.search(" ".join(text.value.split()))):
            yield Finding(path, text.line, match.group().strip(".; "), "begin with a noun or a verb; if, when")


def _long(path: str, text: Text) -> Iterator[Finding]:
    """Yield the sentences of `text` that have too many words."""
    for paragraph in _PARAGRAPH.split(text.value):
        for sentence in _END.split(paragraph):
            words = sentence.split()
            if len(words) > MOST_WORDS:
                line = text.line + text.value.count("\n", 0, text.value.find(sentence))
                yield Finding(path, line, " ".join(words[:6]) + " …", f"at most {MOST_WORDS} words, not {len(words)}")


def exceptions(path: Path) -> list[Allowance]:
    """Read the list of exceptions.

    Raises:
        ValueError: an entry has no files or no reason, or an unknown key.
    """
    found: list[Allowance] = []
    for number, entry in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("allow", []), 1):
        if not entry.get("files") or not entry.get("reason") or entry.keys() - {"files", "word", "reason"}:
            raise ValueError(f"{path.name}: entry {number}: expected files, reason and optionally word, got {entry}")
        found.append(Allowance(entry["files"], entry.get("word", "").casefold(), entry["reason"]))
    return found


def main(arguments: Sequence[str]) -> int:
    """Check files, by default all files of the project with its exceptions, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.voice", description="Flag translated wording.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--exceptions", type=Path, default=None)
    options = parser.parse_args(arguments)
    paths = options.files or sorted({path for pattern in FILES for path in ROOT.glob(pattern) if path.is_file()})
    source = options.exceptions or (None if options.files else ALLOWED)
    try:
        allowed = exceptions(source) if source else []
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    used: set[Allowance] = set()
    failed = False
    for path in paths:
        shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()
        for finding in sorted(findings(shown, path.read_text(encoding="utf-8")), key=lambda each: each.line):
            covering = next((each for each in allowed if each.covers(finding)), None)
            if covering is not None:
                used.add(covering)
                continue
            failed = True
            sys.stdout.write(f"{finding}\n")
    for each in allowed:
        if each.word and each not in used:
            failed = True
            sys.stdout.write(f'{source}: {each.files} has no "{each.word}"; delete the entry\n')
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
