"""The page: read in a real Chromium, by mouse and keyboard, on a screen and on paper, without a script and in the dark."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from webhook.model.decision import Exemption, Finding, Mode, PatchOp
from webhook.report.header import Header, RuleLine
from webhook.report.html.charts import timeline
from webhook.report.html.page import Listing, _embedded
from webhook.report.outcome import ALLOW, DENY, ERROR, SKIP, Origin, Outcome
from webhook.report.shape import writer
from webhook.report.tally import Tally

pytestmark = pytest.mark.xdist_group("chromium")  # one browser for all

_CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_BEGIN: Final = datetime(2026, 1, 2, 3, tzinfo=UTC)
_HOSTILE: Final = (
    "</script><script>hacked = 1</script>",
    "<!--<script>",
    "<img src=x onerror='hacked = 1'>",
    "\u2028\u2029'\"`${hacked = 1}",
    "javascript:hacked=1",
)


def _finding(rule: str = "ours", mode: Mode = Mode.ENFORCE, message: str = "is not an allowed repository") -> Finding:
    return Finding(rule, mode, message, "tag.from.name")


def _outcome(number: int, **given: Any) -> Outcome:
    """Return the outcome of a change that another policy denies; every third is allowed, every fifth completed."""
    namespace = f"team-{number % 7}"
    name = f"app:{number}"
    refused = _finding(), *([_finding("digest", Mode.WARN, "has no digest")] if number % 2 else [])
    values: dict[str, Any] = {
        "origin": Origin("logs/a.log", number + 1),
        "verdict": DENY,
        "before": ALLOW,
        "findings": refused,
        "resource": "imagestreamtags",
        "operation": "UPDATE",
        "namespace": namespace,
        "name": name,
        "user": ("alice", "bob", "system:serviceaccount:ci:builder")[number % 3],
        "time": f"{_BEGIN + timedelta(hours=7 * number % 900):%Y-%m-%dT%H:%M:%S.000000Z}",
        "tags": ({"path": "tag", "tag": f"{namespace}/{name}", "from": None, "to": "DockerImage nginx:1"},),
    }
    if number % 3 == 1:
        values |= {"verdict": ALLOW, "before": DENY, "findings": (), "findings_before": (_finding("old"),)}
    elif number % 5 == 2:
        values |= {"verdict": ALLOW, "findings": (), "patch": (PatchOp("add", "/tag/x", "y"),)}
    values |= given
    return Outcome(**values, marks=(values["origin"].mark,) * len(values["findings"]))


def _header(command: str) -> Header:
    rules = (
        RuleLine("ours", "registries", "enforce", "Which registries a DockerImage may come from."),
        RuleLine("digest", "pin", "warn", "Sources that cannot move under the tag."),
    )
    return Header(command, "platform", "sha256:" + "a" * 64, "1.2.3", "2026-02-03T04:05:06Z", rules)


def _written(outcomes: list[Outcome], command: str = "replay", not_evaluated: dict[str, int] | None = None) -> str:
    tally = Tally(not_evaluated=Counter(not_evaluated or {}))
    return "".join(writer("html")(_header(command), tally.counting(outcomes), tally))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    if _CHROMIUM is None:
        pytest.skip("there is no Chromium to show the page: `make browser` installs it")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


Show = Callable[..., Page]


@pytest.fixture
def said() -> list[str]:
    """The errors of a page, and its network requests."""
    return []


@pytest.fixture
def show(browser: Browser, tmp_path: Path, said: list[str]) -> Iterator[Show]:
    """Return a function that opens a page from a file; nothing it does may go wrong, nor reach for the network."""
    contexts = []

    def opened(text: str, address: str = "", **context: Any) -> Page:
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: said.append(request.url) if "page.html" not in request.url else None)
        page.goto(f"file://{tmp_path}/page.html{address}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


_CHANGES: Final = ("newlyDenied", "newlyAllowed", "newlyCompleted")
# In the order in which the page lists them.
_MANY: Final = sorted((_outcome(number) for number in range(250)), key=lambda row: _CHANGES.index(row.change))


@pytest.fixture(scope="module")
def many() -> str:
    """The page of 250 changes."""
    return _written(_MANY)


def _titles(page: Page) -> list[str]:
    return page.locator("tr.row .open-row").all_inner_texts()


def _is_eventually(locator: Locator, text: str) -> None:
    expect(locator).to_have_text(text, timeout=60_000)


def test_without_a_script(show: Show, many: str) -> None:
    """The summary can be read without scripts: how many, when, where, who, and by which rules."""
    page = show(many, java_script_enabled=False)
    assert page.locator("h1").inner_text() == "134 more would be denied and 83 more would be allowed"
    assert [text.split("\n") for text in page.locator(".figure").all_inner_texts()] == [
        ["134", "would be denied"], ["83", "would be allowed"], ["33", "would be mutated differently"], ["250", "evaluated"],
    ]  # fmt: skip
    assert page.locator("#chart-rule + ol .name").all_inner_texts() == ["ours", "old"]
    assert page.locator("#chart-namespace + ol .name").count() == 7
    assert page.locator("#chart-user + ol .count").all_inner_texts() == ["84", "83", "83"]
    assert page.locator(".timeline .span").count() == 38
    expect(page.get_by_text("The list needs JavaScript")).to_be_visible()
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#table")).to_be_hidden()


def test_a_history(show: Show) -> None:
    """A history lists changes by time and names no policy of its own; a row says what became of the tag, and why."""
    told: dict[str, Any] = {"policy": "platform@sha256:0", "before": "", "findings": (), "findings_before": ()}
    night = Exemption("night", "an outage", "OPS-1")
    tags = ({"path": "tag", "tag": "a/b:c", "from": "DockerImage a:1", "to": "DockerImage a:2", "digest": "sha256:1"},)
    outcomes = [
        _outcome(0, **told, verdict=ALLOW, tags=tags, exemption=night, message="as it is"),
        _outcome(1, **(told | {"findings": (_finding(),)}), verdict=DENY),
    ]
    page = show(_written(outcomes, "history", {"dry runs": 2}))
    assert page.locator("h1").inner_text() == "2 changes"
    assert "policy" not in page.locator(".about").inner_text()
    assert [text.split("\n") for text in page.locator(".figure").all_inner_texts()] == [
        ["1", "denied"], ["1", "allowed"], ["0", "unrecorded"],
    ]  # fmt: skip
    assert page.locator(".lead .note").all_inner_texts() == [
        "Not listed: dry runs: 2.",
        "Allowed: by this webhook; no record says whether the API server stored the change.",
    ]
    assert page.locator("tr.row .pill").all_inner_texts() == ["allowed", "denied"]
    assert page.locator("td[data-key=change]").first.inner_text() == "changes from DockerImage a:1 to DockerImage a:2"
    page.locator("tr.row .open-row").first.click()
    facts = page.locator("#detail dt, #detail dd").all_inner_texts()
    found = dict(zip(facts[::2], facts[1::2], strict=True))
    assert {key: found[key] for key in ("Digest", "Policy", "Exemption", "Ticket", "Remark")} == {
        "Digest": "sha256:1", "Policy": "platform@sha256:0", "Exemption": "night: an outage", "Ticket": "OPS-1",
        "Remark": "as it is",
    }  # fmt: skip


def test_a_time_of_a_history(show: Show) -> None:
    """The tags at a time are counted as tags, those that differ first."""
    told: dict[str, Any] = {"policy": "p@sha256:0", "before": "", "verdict": ALLOW, "findings_before": ()}
    other = _finding("unrecorded", Mode.WARN, "points to nothing")
    outcomes = [_outcome(0, **told, findings=()), _outcome(3, **told, findings=(other,))]
    page = show(_written(outcomes, "history --scan 2026-01-02T03:04:05Z"))
    assert page.locator("h1").inner_text() == "2 tags as of 2026-01-02 03:04 UTC"
    assert [text.split("\n") for text in page.locator(".figure").all_inner_texts()] == [
        ["2", "tags"],
        ["1", "unrecorded"],
    ]
    assert _titles(page) == ["team-3/app:3", "team-0/app:0"]


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("result", "newlyDenied", lambda row: row.change == "newlyDenied"),
        ("result", "newlyCompleted", lambda row: row.change == "newlyCompleted"),
        ("rule", "old", lambda row: row.change == "newlyAllowed"),
        ("mode", "warn", lambda row: any(finding.mode is Mode.WARN for finding in row.findings)),
        ("namespace", "team-3", lambda row: row.namespace == "team-3"),
        ("namespace", "EAM", lambda _row: True),
        ("user", "service", lambda row: "service" in row.user),
        ("q", "alice TEAM-1/", lambda row: row.user == "alice" and row.namespace == "team-1"),
        ("q", "a.log:17", lambda row: str(row.origin.line).startswith("17")),
        ("q", "no digest", lambda row: len(row.findings) == 2),
        ("q", "nowhere", lambda _row: False),
    ],
)
def test_filters(show: Show, many: str, name: str, value: str, takes: Callable[[Outcome], bool]) -> None:
    """Each filter leaves the rows that it says, and how many there are."""
    page = show(many)
    control = page.locator(f"[name={name}]")
    if name in ("result", "rule", "mode"):
        control.select_option(value)
    else:
        control.fill(value)
    wanted = [outcome.title for outcome in _MANY if takes(outcome)]
    _is_eventually(page.locator("#found"), "250 listed" if len(wanted) == 250 else f"{len(wanted)} of 250")
    assert _titles(page) == wanted[:100]
    page.locator("[type=reset]").click()
    _is_eventually(page.locator("#found"), "250 listed")


def test_filters_hold_together(show: Show, many: str) -> None:
    """A bar and a figure of the summary are filters; both hold, and a second click lets go."""
    page = show(many)
    bar = page.locator("button[data-value=team-3]")
    bar.click()
    figure = page.locator("button[data-value=newlyAllowed]")
    figure.click()
    wanted = [row.title for row in _MANY if row.namespace == "team-3" and row.change == "newlyAllowed"]
    _is_eventually(page.locator("#found"), f"{len(wanted)} of 250")
    assert _titles(page) == wanted
    assert (bar.get_attribute("aria-pressed"), page.locator("[name=namespace]").input_value()) == ("true", "team-3")
    bar.click()
    figure.click()
    _is_eventually(page.locator("#found"), "250 listed")
    assert bar.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("Tag", lambda row: row.title),
        ("User", lambda row: row.user),
        ("Time", lambda row: row.time),
        ("Where", lambda row: row.origin.line),
        ("Result", lambda row: _CHANGES.index(row.change)),
    ],
)
def test_sort(show: Show, many: str, column: str, key: Callable[[Outcome], Any]) -> None:
    """A head sorts by its column, and the other way round when it is pressed again; it says so to a screen reader."""
    page = show(many)
    head = page.get_by_role("columnheader", name=column)
    ordered = sorted(_MANY, key=key)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert _titles(page) == [row.title for row in ordered[:100]]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert _titles(page) == [row.title for row in sorted(_MANY, key=key, reverse=True)[:100]]
    assert page.locator("thead [aria-sort]").count() == 1


def test_deep_link(show: Show, many: str) -> None:
    """The address leads to a row again, with its filters, its order and its page, and shows all that is known of it."""
    page = show(many)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("button", name="Next").click()
    opener = page.locator(".open-row").nth(41)
    title = opener.inner_text()
    opener.click()
    expect(page.locator(".open-row").nth(41)).to_be_focused()
    link = page.get_by_role("link", name="Link to this change").get_attribute("href")
    assert link is not None
    assert page.url.endswith(link)
    again = show(many, link)
    expect(again.get_by_role("button", name=title, exact=True)).to_have_attribute("aria-expanded", "true")
    expect(again.locator("tr.detail")).to_be_in_viewport()
    assert again.locator("#pages span").inner_text() == "Page 2 of 3"
    assert "DockerImage nginx:1" in again.locator("tr.detail").inner_text()
    again.get_by_role("button", name=title, exact=True).click()
    expect(again.locator("tr.detail")).to_have_count(0)
    assert "row=" not in again.url


def test_the_address_is_followed(show: Show, many: str) -> None:
    """An address that is typed, or gone back to, is what the page shows; one that makes no sense shows everything."""
    page = show(many, "#rule=old&page=99")
    _is_eventually(page.locator("#found"), "83 of 250")
    assert page.locator("[name=rule]").input_value() == "old"
    page.evaluate("location.hash = '#user=bob&sort=nonsense&page=-1&row=nothing'")
    _is_eventually(page.locator("#found"), "83 of 250")
    assert page.locator("[name=user]").input_value() == "bob"
    page.evaluate("location.hash = ''")
    _is_eventually(page.locator("#found"), "250 listed")


def test_details(show: Show) -> None:
    """A row shows what was said now and before, what is completed, the exemption and what was read where."""
    outcome = _outcome(
        3, verdict=ALLOW, before=DENY, findings=(_finding("digest", Mode.AUDIT, "has no digest"),),
        findings_before=(_finding("old", message="was denied"),), patch=(PatchOp("add", "/tag/a", {"b": "c"}),),
        patch_before=(PatchOp("add", "/tag/z", 1),), exemption=Exemption("break-glass", "fire"),
    )  # fmt: skip
    page = show(_written([outcome]))
    page.locator(".open-row").click()
    said = page.locator("tr.detail").inner_text()
    now, then = said.split("Findings of the recorded decision")
    assert "break-glass: fire" in now
    assert "logs/a.log:4" in now
    assert "is set to DockerImage nginx:1" in now
    assert re.search(
        r"recorded by rule digest, field tag.from.name\s+has no digest\s+default sets /tag/a to {\"b\":\"c\"}", now
    )
    assert re.search(r"denied by rule old, field tag.from.name\s+was denied\s+default sets /tag/z to 1", then)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, "DockerImage a:1", "is set to DockerImage a:1"),
        ("DockerImage a:1", "DockerImage b:2", "changes from DockerImage a:1 to DockerImage b:2"),
        ("DockerImage a:1", None, "no longer points to DockerImage a:1"),
        ("DockerImage a:1", "DockerImage a:1", "stays at DockerImage a:1"),
        (None, None, "has no image"),
    ],
)
def test_a_change_in_words(show: Show, before: str | None, after: str | None, words: str) -> None:
    """The details say in a sentence what becomes of a tag."""
    page = show(_written([_outcome(0, tags=({"path": "tag", "tag": "team-0/app:0", "from": before, "to": after},))]))
    page.locator("tr.row").click()
    expect(page.locator("tr.detail dd").first).to_have_text(words)


def test_ten_thousand(show: Show) -> None:
    """With ten thousand rows a page of them is in the document at a time; searching, sorting and paging go on working."""
    rows = sorted((_outcome(number) for number in range(10_000)), key=lambda row: _CHANGES.index(row.change))
    page = show(_written(rows))
    assert page.locator("#table tbody tr").count() == 100
    page.get_by_role("button", name="Next").click()
    _is_eventually(page.locator("#pages span"), "Page 2 of 100")
    assert _titles(page) == [row.title for row in rows[100:200]]
    page.locator("[name=q]").press_sequentially("app:77")
    wanted = [row.title for row in rows if "app:77" in row.title]
    _is_eventually(page.locator("#found"), f"{len(wanted)} of 10,000")
    assert _titles(page) == wanted[:100]
    page.locator("[name=q]").fill("")
    page.get_by_role("button", name="Where").dblclick()
    _is_eventually(page.locator("tr.row .open-row").first, max(rows, key=lambda row: row.origin.line).title)
    assert page.locator("#table tbody tr").count() == 100


def test_more_than_a_page_holds(show: Show) -> None:
    """The summary counts what is not listed, and the page says that the list is not all."""
    rows = [_outcome(0)] * 10_050
    page = show(_written(rows))
    assert page.locator("h1").inner_text() == "10,050 more would be denied"
    assert "The page lists 10,000 of 10,050" in page.locator("#changes").inner_text()


@pytest.mark.parametrize(("most", "lines"), [(9, [2, 7, 4, 3, 6, 1, 5]), (4, [2, 7, 4, 3]), (1, [2])], ids=str)
def test_what_is_listed_first(most: int, lines: list[int]) -> None:
    """Denied changes are first, allowed changes without a finding last; what has no room is of the lowest rank."""
    listing = Listing(most)
    for number, verdict in enumerate([ALLOW, DENY, ALLOW, ERROR, ALLOW, SKIP, DENY]):
        warned = (_finding("digest", Mode.WARN),) if number == 2 else ()
        listing.add(_outcome(number, verdict=verdict, before="", findings=warned, patch=()))
    assert [row["line"] for row in listing.rows()] == lines
    assert (listing.total, listing.left_out) == (7, 7 - len(lines))


def test_denied_first(show: Show) -> None:
    """The page lists denied changes first, wherever they were in the input; a column that is pressed goes before that."""
    outcomes = [
        _outcome(number, before="", patch=(), **({} if number in (120, 249) else {"verdict": ALLOW, "findings": ()}))
        for number in range(250)
    ]
    page = show(_written(outcomes, "check"))
    assert _titles(page)[:3] == [outcomes[120].title, outcomes[249].title, outcomes[0].title]
    page.get_by_role("button", name="Where").click()
    _is_eventually(page.locator("tr.row .open-row").first, outcomes[0].title)


@pytest.mark.parametrize("hostile", _HOSTILE)
def test_hostile_names(show: Show, hostile: str) -> None:
    """The names of tags, namespaces and users are shown as they are, and never run."""
    outcome = _outcome(
        0, name=hostile, namespace=hostile, user=hostile, origin=Origin(hostile, 1), message=hostile,
        findings=(Finding(hostile, Mode.ENFORCE, hostile, hostile),), patch=(PatchOp("add", hostile, hostile),),
        tags=({"path": hostile, "tag": hostile, "from": hostile, "to": hostile},),
    )  # fmt: skip
    page = show(_written([outcome], not_evaluated={hostile: 1}))
    page.locator(".open-row").click()
    page.locator("[name=rule]").select_option(index=1)
    assert page.locator(".open-row").text_content() == hostile
    assert page.locator("#chart-rule + ol .name").text_content() == hostile
    assert hostile in (page.locator("tr.detail").text_content() or "")
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2


def test_only_its_own_script_runs(show: Show, said: list[str], many: str) -> None:
    """The page's policy lets no other script run, even if one is inserted."""
    page = show(many.replace("</body>", "<script>other = 1</script></body>"))
    assert page.locator("script").count() == 3
    assert page.evaluate("typeof other") == "undefined"
    assert page.locator("tr.row").count() == 100
    assert "violates the following Content Security Policy" in said.pop()


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6))
def test_embedded_json(value: Any) -> None:
    """Any value is embedded so that no parser of HTML sees a tag in it, and is read again as it was."""
    text = _embedded(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == value


def _background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_dark_and_light(show: Show, many: str) -> None:
    """The page is as dark as the system asks for, until its reader says otherwise."""
    light, dark = show(many, color_scheme="light"), show(many, color_scheme="dark")
    bright, black = _background(light), _background(dark)
    assert bright != black
    button = dark.locator("#theme")
    for said, background in (("light", bright), ("dark", black), ("automatic", black)):
        button.click()
        assert (button.inner_text(), _background(dark)) == (f"Theme: {said}", background)


def test_print(show: Show, many: str) -> None:
    """On paper there are all rows that the filters leave, and no controls; afterwards the screen is as it was."""
    page = show(many, "#rule=ours&sort=tag", color_scheme="dark")
    page.emulate_media(media="print")
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#theme")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("tr.row").count() == 134
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("tr.row").count() == 100
    few, all_ = (len(re.findall(rb"/Type /Page\b", show(many, address).pdf())) for address in ("#rule=none", ""))
    assert few < 4 < all_


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], ids=str)
def test_accessible(show: Show, width: int, scheme: str) -> None:
    """Axe finds no fault: names, roles, order, contrast; with a row open and the rules of the policy shown."""
    rows = [_outcome(number, namespace=f"team-{number}") for number in range(12)]
    page = show(_written(rows), "#row=logs/a.log:2", color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("details.rules summary").click()
    page.locator("details.more summary").click()
    expect(page.locator("tr.detail")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_by_keyboard(show: Show, many: str) -> None:
    """All can be done without a mouse: a key leads to the search, and what has the focus can be seen."""
    page = show(many)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the list")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("[name=q]")).to_be_focused()
    page.keyboard.type("bob / app:")
    assert page.locator("[name=q]").input_value() == "bob / app:"
    _is_eventually(page.locator("#found"), "83 of 250")
    page.get_by_role("columnheader", name="Tag").get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Tag")).to_have_attribute("aria-sort", "ascending")
    page.locator(".open-row").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("tr.detail")).to_be_visible()
    expect(page.locator(".open-row").first).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_whole_row_opens(show: Show, many: str) -> None:
    """A click anywhere on a row opens it and a second one closes it; a chevron turns, and the row stays in its place."""
    page = show(many)
    row = page.locator("tr.row").nth(5)
    turned = "getComputedStyle(document.querySelectorAll('tr.row .chevron')[5]).transform"
    closed = page.evaluate(turned)
    page.locator("tr.row").nth(1).locator("td").last.click()
    for cell in range(row.locator("td").count()):
        row.locator("td").nth(cell).scroll_into_view_if_needed()
        top = page.evaluate("document.querySelectorAll('tr.row')[5].getBoundingClientRect().top")
        row.locator("td").nth(cell).click(position={"x": 4, "y": 4})
        expect(row.locator(".open-row")).to_have_attribute("aria-expanded", "true")
        expect(row.locator(".open-row")).to_be_focused()
        controlled = row.locator(".open-row").get_attribute("aria-controls")
        expect(page.locator("tr.row:nth-child(6) + tr.detail")).to_have_attribute("id", controlled or "nothing")
        assert page.evaluate(turned) != closed
        assert page.evaluate("document.querySelectorAll('tr.row')[5].getBoundingClientRect().top") == pytest.approx(
            top, abs=1
        )
        row.locator("td").nth(cell).click(position={"x": 4, "y": 4})
        expect(page.locator("tr.detail")).to_have_count(0)


def test_text_of_a_row_can_be_selected(show: Show, many: str) -> None:
    """Selecting the text of a row with the mouse does not open it."""
    page = show(many)
    cell = page.locator("tr.row td[data-key=user]").first
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 14, box["y"] + 18)
    page.mouse.down()
    page.mouse.move(box["x"] + 44, box["y"] + 18, steps=4)
    page.mouse.up()
    assert str(page.evaluate("getSelection().toString()")) in "alice"
    assert page.evaluate("getSelection().isCollapsed") is False
    assert page.locator("tr.detail").count() == 0


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_rows_by_keyboard(show: Show, many: str, key: str) -> None:
    """The arrow keys lead from row to row, and Enter or the space bar opens and closes one."""
    page = show(many)
    page.locator(".open-row").first.focus()
    for press in ("ArrowUp", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(press)
    expect(page.locator(".open-row").nth(1)).to_be_focused()
    page.keyboard.press(key)
    expect(page.locator("tr.row:nth-child(2) + tr.detail")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".open-row").nth(2)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press(key)
    expect(page.locator("tr.detail")).to_have_count(0)


@pytest.mark.parametrize(
    ("namespaces", "summary", "hidden", "note"),
    [(8, None, 0, None), (10, "and 2 more", 2, None), (250, "and 242 more", 200, "42 more are not shown; --format json lists all.")],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no-script"])
def test_and_more(
    show: Show, namespaces: int, summary: str | None, hidden: int, note: str | None, *, scripts: bool
) -> None:
    """The names that a chart has no room for are shown on request, also without a script, and are filters like the others."""
    outcomes = [
        _outcome(number, namespace=f"team-{number}", verdict=DENY, before=ALLOW) for number in range(namespaces)
    ]
    page = show(_written(outcomes), java_script_enabled=scripts)
    more = page.locator("#chart-namespace ~ details")
    if summary is None:
        assert more.count() == 0
        return
    head = more.locator("summary")
    assert head.inner_text().strip() == summary
    expect(more.locator(".name").first).to_be_hidden()
    head.focus()
    page.keyboard.press("Enter")
    assert head.inner_text().strip() == "show fewer"
    assert more.locator(".name:visible").count() == hidden
    assert more.locator(".note").all_inner_texts() == ([note] if note else [])
    if scripts:
        name = more.locator(".name").last.inner_text()
        more.locator("button").last.click()
        _is_eventually(page.locator("#found"), f"1 of {namespaces}")
        assert page.locator("[name=namespace]").input_value() == name


_LONG: Final = "/".join(f"directory-of-the-team-{number}" for number in range(8)) + "/" + "x" * 120


@pytest.mark.parametrize("command", ["check", "replay"])
@pytest.mark.parametrize("width", [320, 400, 1400])
def test_long_paths_wrap(show: Show, command: str, width: int) -> None:
    """A path, a name or a message of any length wraps, and is there whole: nothing is cut off or scrolls sideways."""
    outcome = _outcome(
        0, before="" if command == "check" else ALLOW, namespace=_LONG, name=_LONG, user=_LONG, origin=Origin(_LONG, 1),
        message=_LONG, findings=(Finding(_LONG, Mode.ENFORCE, _LONG, _LONG),), patch=(PatchOp("add", _LONG, _LONG),),
        exemption=Exemption(_LONG, _LONG), tags=({"path": "tag", "tag": _LONG, "from": None, "to": _LONG},),
    )  # fmt: skip
    page = show(_written([outcome], command, not_evaluated={_LONG: 1}))
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("tr.row").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for element in ("#table", "tr.detail", ".rank .name", ".note"):
        for box in page.locator(f"{element}:visible").all():
            found = box.bounding_box()
            assert found is not None
            assert found["x"] + found["width"] <= width, element
            assert box.evaluate("element => element.scrollWidth <= element.clientWidth || element.clientWidth === 0"), (
                element
            )
    places = page.locator("td[data-key=place]:visible, .file:visible")
    assert [text.replace("\n", "") for text in places.all_inner_texts()] == [f"{_LONG}:1"]


@pytest.mark.parametrize("width", [390, 768, 1280, 2000])
def test_no_width_is_too_narrow(show: Show, many: str, width: int) -> None:
    """The page as a whole never scrolls sideways, and a row that is open can be read at once."""
    page = show(many, "#row=logs/a.log:1")
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('#table').offsetWidth") <= width


@pytest.mark.parametrize(
    ("command", "given", "headline", "figures", "columns"),
    [
        ("check", {"before": ""}, "1 change would be denied", ["1 denied", "1 allowed", "1 warnings"], "Result Tag Rules User Time Where"),
        ("scan", {"before": "", "user": "", "time": "", "origin": Origin()}, "1 tag would be denied", ["1 denied", "1 allowed", "1 warnings"], "Result Tag Rules Where"),
        ("replay", {"verdict": ALLOW, "findings": (), "findings_before": (), "patch": ()}, "Nothing would change", ["0 would be denied", "0 would be allowed", "0 would be mutated differently", "2 evaluated"], "Result Tag Rules User Time Where"),
    ],
    ids=["check", "scan", "nothing"],
)  # fmt: skip
def test_commands(
    show: Show, command: str, given: dict[str, Any], headline: str, figures: list[str], columns: str
) -> None:
    """Every command's page says what the command is about, and leaves out what it cannot know."""
    outcomes = [_outcome(3, **given), _outcome(4, **{**given, "verdict": ALLOW, "before": given.get("before", ALLOW)})]
    page = show(_written(outcomes, command))
    assert page.locator("h1").inner_text() == headline
    assert page.locator("#changes-title").inner_text() == ("Each tag" if command == "scan" else "Each change")
    assert [text.replace("\n", " ") for text in page.locator(".figure").all_inner_texts()] == figures
    assert page.locator("#table thead").inner_text().split() == columns.split()
    assert page.locator("tr.row").count() == 2


def test_nothing_at_all(show: Show) -> None:
    """A report of nothing is a page too."""
    page = show(_written([], not_evaluated={"other lines": 3}))
    assert page.locator("h1").inner_text() == "Nothing was evaluated"
    assert "Not evaluated: other lines: 3." in page.locator(".lead").inner_text()
    assert page.locator("#table tbody").inner_text() == "Nothing to list."


@pytest.mark.parametrize(
    ("last", "unit", "spans"),
    [
        ("2026-01-02T03", "hour", 1), ("2026-01-06T02", "hour", 96), ("2026-01-06T03", "day", 5), ("2026-04-07T00", "day", 96),
        ("2026-12-31T23", "week", 53), ("2027-12-01T00", "month", 24), ("2033-01-01T00", "month", 85), ("2060-01-01T00", "year", 35),
    ],
)  # fmt: skip
def test_timeline(last: str, unit: str, spans: int) -> None:
    """A chart has as many bars as can be read, one for each unit of time, with none left out and all counted."""
    hours = {"2026-01-02T03": {"a": 3, "b": 1}, last: {"a": 2}, "nonsense": {"a": 5}, "9999": {"a": 1}}
    chart = timeline(hours, [("a", "of a", "deny"), ("b", "of b", "allow")])
    assert chart is not None
    assert (chart.unit, len(chart.spans)) == (unit, spans)
    assert sum(int(found) for span in chart.spans for found in re.findall(r"(\d+) of a", span.label)) == (
        5 if spans > 1 else 2
    )
    assert all(piece.height > 0 and 0 <= piece.y <= 156 for span in chart.spans for piece in span.pieces)
    assert len(chart.labels) <= 6
    assert all(0 < piece.width <= 64 for span in chart.spans for piece in span.pieces)
    assert all(one.x + one.width <= other.x + 0.02 for one, other in pairwise(chart.spans))


def test_no_timeline() -> None:
    """Without times there is no chart over time."""
    assert timeline({"yesterday": {"a": 1}}, [("a", "of a", "deny")]) is None
