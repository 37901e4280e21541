"""`python -m tests.screenshots` makes the pictures of docs/images anew, of a real run on two rehearsal deployments."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does

from browsers import CHROMIUM, MISSING, chromium
from gates import ROOT, verify

from rehearsal.postgres import embedded_postgres

FAULT = "answers_500_on_every_third"
# name -> scheme, width, height, pixels of the device for one of the page, where the picture begins
PICTURES = {
    "report-fail": ("light", 760, 860, 1, "body"),
    "report-posts-on-a-phone": ("dark", 375, 640, 1, "h3 >> nth=1"),
}


def main() -> int:
    """Deploy, run the gate, look at its page."""
    if CHROMIUM is None:
        print(MISSING, file=sys.stderr)
        return 1
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
