"""`python -m tools.screenshots` makes the pictures of docs/images anew, of a real run on two rehearsal deployments."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import embedded_postgres
from tests.support.browsers import CHROMIUM, MISSING, Scheme, chromium
from tests.support.gates import ROOT, entry, verify, write_environments
from tests.support.terminals import as_page, in_a_terminal

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from rehearsal.servers.postgres import Postgres

FAULT = "answers_500_on_every_third"
# name -> scheme, width, height, pixels of the device for one of the page, where the picture begins
PICTURES: dict[str, tuple[Scheme, int, int, float, str]] = {
    "report-fail": ("light", 760, 860, 1, "body"),
    "report-posts-on-a-phone": ("dark", 375, 640, 1, "h3 >> nth=1"),
}


def main() -> int:
    """Deploy, run the gate, look at its page."""
    if CHROMIUM is None:
        print(f"the pictures of docs/images stay as they are, because {MISSING}", file=sys.stderr)
        return 0 if "--if-possible" in sys.argv else 1
    with TemporaryDirectory() as folder, embedded_postgres() as postgres, chromium() as browser:
        run = verify(postgres, Path(folder) / "run", fault=FAULT)
        for name, (scheme, width, height, scale, begins_at) in PICTURES.items():
            page = browser.new_page(
                color_scheme=scheme, viewport={"width": width, "height": height}, device_scale_factor=scale
            )
            page.goto((run.report_dir / "report.html").as_uri())
            page.locator(begins_at).evaluate("start => window.scrollTo(0, start.getBoundingClientRect().top - 12)")
            file = ROOT / "docs" / "images" / f"{name}.png"
            file.parent.mkdir(exist_ok=True)
            page.screenshot(path=file)
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")
        take_terminal(postgres, Path(folder), browser)
    return 0


def take_terminal(postgres: Postgres, folder: Path, browser: Browser) -> None:
    """A run on a broken deployment, as a terminal of 104 columns shows it."""
    with deployed(postgres, "answers_500_on_every_third") as deployment:
        file = write_environments(folder / "e.yaml", {}, preview=entry(deployment))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--environments", str(file)]
        shown = in_a_terminal([*command, "--report-dir", str(folder / "report")], columns=104)
    text = shown.replace(str(folder), "reports")
    page = browser.new_page(viewport={"width": 820, "height": 200}, device_scale_factor=1)
    (folder / "terminal.html").write_text(as_page(text), encoding="utf-8")
    page.goto((folder / "terminal.html").as_uri())
    file = ROOT / "docs" / "images" / "terminal.png"
    page.screenshot(path=file, full_page=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
