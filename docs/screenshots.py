"""Make the pictures of the report in the documentation: `python docs/screenshots.py runs/demo/report.html`.

The report is that of `make demo`. Needs playwright and Chromium.
"""

import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

IMAGES = Path(__file__).parent / "images"
LIMIT = 150_000
"""Bytes of each picture."""
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def main(report: Path) -> None:
    """Open the report and write `report.webp`, its first screen, and `pictures.webp`, the viewer of pictures."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, _PROGRAMS)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        page = browser.new_page(viewport={"width": 1240, "height": 830}, color_scheme="light", device_scale_factor=1.5)
        page.goto(report.absolute().as_uri())
        page.wait_for_selector("html[data-ready]")
        page.select_option("#choose-domain", label="night")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        write(page.screenshot(), "report.webp")
        show_pictures(page)
        box = page.locator("#viewer").bounding_box()
        write(page.screenshot(full_page=True, clip=grown(page, box)), "pictures.webp")
        browser.close()


def show_pictures(page: Any) -> None:
    """Choose what the viewer shows: what is there beside what is confidently wrong."""
    page.locator("#pictures").scroll_into_view_if_needed()
    page.locator("#picture[data-state]").wait_for()
    page.select_option("#picture-left", "input")
    page.select_option("#picture-right", "errors")
    page.locator("#picture-level").evaluate("(n) => { n.value = 35; n.dispatchEvent(new Event('input')); }")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def grown(page: Any, box: dict[str, float]) -> dict[str, float]:
    """Return a box with a margin, in places of the whole page."""
    top = page.evaluate("scrollY")
    return {"x": box["x"] - 12, "y": box["y"] + top - 12, "width": box["width"] + 24, "height": box["height"] + 24}


def write(png: bytes, name: str) -> None:
    """Write a screenshot as WebP, with as few losses as the limit allows."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    for quality in range(90, 0, -5):
        file = BytesIO()
        picture.save(file, "WEBP", quality=quality, method=6)
        if len(file.getvalue()) < LIMIT:
            (IMAGES / name).write_bytes(file.getvalue())
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
