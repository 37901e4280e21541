"""The page as a browser shows it: nothing runs, nothing is asked for, and everybody can read it.

Left out where there is no Chromium, which the header of the test run says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.report.page import render
from harness.report.verdict import EnvironmentVerdict
from rehearsal.deployment.start import deployed
from tests.support.browsers import CHROMIUM, MISSING, Scheme, chromium
from tests.support.gates import run_gate
from tests.support.pages import samples
from tests.support.servers import serving
from tests.support.verdicts import check, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from rehearsal.servers.postgres import Postgres
    from tests.support.servers import Request

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

NAMES = ["pass", "fail", "dense", "unknown", "left behind", "configuration", "hostile", "a real failure"]
PHONE, DESK = 375, 1280  # pixels


@pytest.fixture(scope="module")
def pages(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of the pages, by name; one of them is of a real run on a deployment that is broken."""
    folder = tmp_path_factory.mktemp("pages")
    files = {}
    for name, html in samples(folder).items():
        files[name] = folder / f"{name}.html"
        files[name].write_text(html, encoding="utf-8", errors="backslashreplace")
    with deployed(postgres, "answers_500_on_every_third", name="preview") as broken:
        run = run_gate(folder, [broken], headers={"X-Api-Key": "a-long-secret"})
    return {**files, "a real failure": run.report_dir / "report.html"}


@dataclass(slots=True)
class Heard:
    """What a page said and asked for while it was open."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Tab(NamedTuple):
    """A page of a browser, and what the document in it has said and asked for."""

    page: Page
    heard: Heard


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """One tab for all tests of this module: a new one is a new process, which takes longer than most pages do."""
    with chromium() as browser:
        page, heard = browser.new_page(), Heard()
        page.on("console", lambda message: heard.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: heard.console.append(str(error)))
        page.on("dialog", lambda dialog: heard.console.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: heard.requests.append(request.url))
        yield Tab(page, heard)


def opened(tab: Tab, file: Path, scheme: Scheme = "light", width: int = DESK) -> Tab:
    """The page in a window of that width."""
    page, heard = tab
    page.goto("about:blank")
    heard.console.clear()
    heard.requests.clear()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(file.as_uri(), wait_until="load")
    return tab


def unfold(page: Page) -> None:
    """Open every fold: what nobody sees is not tested."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_asks_for_nothing_and_complains_of_nothing(tab: Tab, pages: dict[str, Path], name: str) -> None:
    """The only request is the one for the file itself; no error, no warning, no dialogue."""
    page, heard = opened(tab, pages[name])
    unfold(page)
    page.hover("h1")
    assert heard.requests == [pages[name].as_uri()]
    assert heard.console == []


def attack(url: str) -> str:
    """Markup that renames the page in two ways and asks a server for a picture."""
    owned = "document.title='owned'"
    return f'<script>{owned}</script><img src={url}/x onerror="{owned}"><style>@import "{url}/y";</style>'


def not_found(request: Request) -> None:
    """Answer any request."""
    request.answer("404 Not Found")


def test_a_page_that_asks_or_runs_would_be_noticed(tab: Tab, tmp_path: Path) -> None:
    """Without policy and escaping the attack renames the page, and what it asks for arrives."""
    file = tmp_path / "bad.html"
    with serving(not_found) as server:
        file.write_text(f"<p>x{attack(server.url)}", encoding="utf-8")
        page, heard = opened(tab, file)
        assert page.title() == "owned"
        assert {request.target for request in server.requests} == {"/x", "/y"}
        assert {f"{server.url}/x", f"{server.url}/y"} <= set(heard.requests)
        assert heard.console


def test_the_policy_alone_stops_what_would_act(tab: Tab, pages: dict[str, Path], tmp_path: Path) -> None:
    """A second door behind the first: markup that had got in would still not run, and nothing would be sent."""
    html = pages["pass"].read_text(encoding="utf-8")
    file = tmp_path / "injected.html"
    with serving(not_found) as server:
        file.write_text(html.replace("<main>", f"<main>{attack(server.url)}"), encoding="utf-8")
        page, heard = opened(tab, file)
        assert page.title() == "PASS: preview"
        assert len([said for said in heard.console if "Content Security Policy" in said]) >= 3
        assert server.requests == []


def test_nothing_hostile_runs(tab: Tab, pages: dict[str, Path]) -> None:
    """Its texts are read as text, in elements, attributes, titles of plots and commands."""
    page, _ = opened(tab, pages["hostile"])
    unfold(page)
    for place in page.locator("code, h4, dd, summary").all()[:12]:
        place.hover(timeout=60_000)
    assert page.title() == "FAIL: preview"
    assert page.locator("script, img, [onmouseover], [onerror], a[href^=javascript]").count() == 0
    assert page.locator("body").inner_text().count("<script>") > 10


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wider_than_a_phone(tab: Tab, pages: dict[str, Path], name: str) -> None:
    """The document does not scroll sideways with every fold open; nor at 320 pixels, which WCAG 2.2 asks for."""
    page, _ = opened(tab, pages[name], width=PHONE)
    unfold(page)
    for width in (PHONE, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_environments_and_outcomes_can_be_chosen_without_a_script(tab: Tab, tmp_path: Path) -> None:
    """All at first; then one environment, and then the claims of one outcome."""
    names = ("preview", "production")
    environments = [EnvironmentVerdict(name=name, url="http://h", verdict="fail") for name in names]
    results = [
        check(outcome, id=f"of_{outcome}", environment=name, claim=f"{name} {outcome}")
        for name in names
        for outcome in ("fail", "pass", "unknown", "not_covered", "waived")
    ]
    file = tmp_path / "chosen.html"
    file.write_text(render(verdict(*results, environments=environments), [], tmp_path), encoding="utf-8")
    page, heard = opened(tab, file)
    unfold(page)

    def there() -> set[str]:
        seen = page.locator("main").inner_text()
        return {claim for claim in (result.claim for result in results) if claim in seen}

    assert there() == {result.claim for result in results}
    page.get_by_role("radio", name="production").check()
    assert there() == {result.claim for result in results if result.environment == "production"}
    page.get_by_role("radio", name="could not tell").check()
    assert there() == {"production unknown"}
    page.get_by_role("radio", name="ok", exact=True).check()
    assert there() == {"production pass"}
    page.get_by_role("radio", name="all").first.check()
    assert there() == {"preview pass", "production pass"}
    assert heard.console == []


def test_a_link_to_a_claim_leads_to_it(tab: Tab, tmp_path: Path) -> None:
    """Also to one that is folded away."""
    file = tmp_path / "linked.html"
    file.write_text(render(verdict(check(), check("pass", id="held")), [], tmp_path), encoding="utf-8")
    page, _ = opened(tab, file)
    page.goto(f"{file.as_uri()}#e1-held")
    assert page.locator("#e1-held").is_visible()
    assert page.evaluate("document.querySelector(':target').id") == "e1-held"


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(246, 248, 250)"), ("dark", "rgb(13, 17, 23)")])
def test_the_page_follows_the_readers_scheme(tab: Tab, pages: dict[str, Path], scheme: Scheme, paper: str) -> None:
    """Dark where the reader's system is."""
    page, _ = opened(tab, pages["pass"], scheme)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper


@pytest.mark.parametrize(("scheme", "width"), [("light", DESK), ("dark", PHONE)])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(tab: Tab, pages: dict[str, Path], name: str, scheme: Scheme, width: int) -> None:
    """No violation of WCAG A or AA, or of good practice, that axe-core can see: contrast, names, order, landmarks."""
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened(tab, pages[name], scheme, width)
    unfold(page)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_axe_would_find_something(tab: Tab, tmp_path: Path) -> None:
    """It does look: grey on grey is a violation."""
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "grey.html"
    file.write_text('<!doctype html><p style="color:#999;background:#888">grey</p>', encoding="utf-8")
    page, _ = opened(tab, file)
    found = {violation["id"] for violation in Axe().run(page).response["violations"]}
    assert {"color-contrast", "html-has-lang", "document-title"} <= found


@pytest.mark.parametrize("name", ["pass", "fail", "dense"])
def test_bars_and_their_words_are_inside_the_plot(tab: Tab, pages: dict[str, Path], name: str) -> None:
    """On a phone no label of a row runs out of the page."""
    page, _ = opened(tab, pages[name], width=PHONE)
    boxes = page.evaluate(
        "[...document.querySelectorAll('.plot text, .plot rect')].map(e => e.getBoundingClientRect())"
        ".map(box => [box.left, box.right])"
    )
    assert len(boxes) > 5
    assert all(left >= 0 and right <= PHONE for left, right in boxes)
