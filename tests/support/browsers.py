"""The browser that pages are looked at in: the system's Chromium, where it is installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rehearsal.servers.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

Scheme = Literal["light", "dark"]

CHROMIUM = next(filter(None, map(find_program, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "chromium is not installed"
# It is to look at one file: nothing of it may go out by itself, and in a container there is no sandbox or GPU to use.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*ARGUMENTS])
        try:
            yield browser
        finally:
            browser.close()
