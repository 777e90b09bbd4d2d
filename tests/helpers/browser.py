"""Pages in headless Chromium, without any connection."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_SERIOUS = ("serious", "critical")
_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")


def browser_lacks() -> str:
    """Return what is to be installed before pages can be opened; empty where nothing is."""
    if not find_spec("playwright") or not find_spec("axe_playwright_python"):
        return "needs playwright: pip install playwright axe-playwright-python"
    return "" if any(map(shutil.which, _PROGRAMS)) else "needs Chromium: apt-get install chromium"


def must_open_pages() -> bool:
    """Tell if tests of pages are to fail, not to be skipped, where they cannot be carried out."""
    return os.environ.get("RELISEG_REQUIRE_BROWSER", "") not in ("", "0")


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser; fail where there is none."""
    if reason := browser_lacks():
        pytest.fail(f"pages cannot be tested, and RELISEG_REQUIRE_BROWSER is set: {reason}")
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, _PROGRAMS)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, chromium_sandbox=False, args=list(_QUIET))
        yield browser
        browser.close()


class Opened:
    """A page, what it has complained of, and what it has asked for beside itself."""

    def __init__(self, browser: Any, file: Path, *, width: int = 1440, scheme: str = "light") -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = context.new_page()
        self.page.on("console", lambda message: self._complain(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-ready]")
        self.requests.remove(file.as_uri())

    def _complain(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def draw_all(self) -> list[str]:
        """Scroll to each chart and wait for it; return how each ended: drawn or empty."""
        for chart in self.page.query_selector_all(".chart"):
            chart.scroll_into_view_if_needed()
            chart.evaluate("async (c) => { while (!c.dataset.state) await new Promise(requestAnimationFrame); }")
        return self.page.evaluate("[...document.querySelectorAll('.chart')].map((c) => c.dataset.state)")

    def wait_for_charts(self) -> None:
        """Wait until each chart is drawn, where it is. The page forbids to evaluate texts, so functions wait in it."""
        every = "[...document.querySelectorAll('.chart')].every((c) => c.dataset.state)"
        self.page.evaluate(f"async () => {{ while (!({every})) await new Promise(requestAnimationFrame); }}")

    def wait_for_text(self, selector: str, beginning: str) -> None:
        """Wait until the first node that a selector finds begins with a text."""
        self.page.locator(selector).first.evaluate(
            "async (n, text) => { while (!n.isConnected || !n.textContent.startsWith(text)) "
            "{ await new Promise(requestAnimationFrame); n = document.querySelector('SELECTOR'); } }".replace(
                "SELECTOR", selector
            ),
            beginning,
        )

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all that a selector finds."""
        return [node.inner_text() for node in self.page.query_selector_all(selector)]

    def serious_violations(self) -> list[tuple[str, list[str]]]:
        """Return what axe-core finds that keeps people from using the page, with the elements."""
        import axe_playwright_python

        program = Path(axe_playwright_python.__file__).parent / "axe.min.js"
        self.page.evaluate(program.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run()")["violations"]
        return [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found if v["impact"] in _SERIOUS]

    def close(self) -> None:
        """Close the page."""
        self.page.context.close()
