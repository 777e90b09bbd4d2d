"""Pictures as a browser shows them: layers, sliders, and numbers that are those of all pixels of the image."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.browser import Opened, chromium
from helpers.simulated_run import Shape, write_simulated_pictures, write_simulated_run

from reliseg.report.page import RunFiles, build_page
from reliseg.results.pictures import THRESHOLDS, ConfidencePicture, PictureEntry, PictureIndex, ScenePicture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = ("<script>fail()</script>", "\"' & </script><img src=x onerror=fail()>", "\u202eleft", "n" * 300, "🦓")
SHAPE = Shape(domains=("day", "dusk"), unknown=True)


@dataclass(frozen=True)
class Shown:
    """A page, and the run that it shows."""

    file: Path
    run: Path

    def entry(self, model: str, domain: str, rank: int) -> PictureEntry:
        index = PictureIndex.read(self.run)
        assert index is not None
        (found,) = [e for e in index.pictures if (e.model, e.domain, e.rank) == (model, domain, rank)]
        return found

    def picture(self, entry: PictureEntry, calibration: str = "identity") -> ConfidencePicture:
        return ConfidencePicture.read(self.run / "pictures" / entry.confidences[calibration])

    def truth(self, entry: PictureEntry) -> np.ndarray:
        return ScenePicture.read(self.run / "pictures" / entry.scene).truth


def shown(folder: Path, shape: Shape, **options: Any) -> Shown:
    run = write_simulated_run(folder / "run", shape)
    write_simulated_pictures(run, shape, **options)
    file = folder / "page.html"
    file.write_text(build_page([RunFiles.read(run)]), encoding="utf-8")
    return Shown(file, run)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return shown(tmp_path_factory.mktemp("page"), SHAPE)


def opened_at(browser: Any, file: Path, **options: Any) -> Opened:
    opened = Opened(browser, file, **options)
    opened.page.locator("#picture[data-state]").wait_for()
    return opened


def slide(opened: Opened, slider: str, value: int) -> None:
    """Move a slider as a program would, and wait until it is drawn."""
    opened.page.locator(slider).evaluate(
        "(n, v) => { n.value = v; n.dispatchEvent(new Event('input', {bubbles: true})); }", str(value)
    )


def pixels(opened: Opened) -> np.ndarray:
    """What is drawn on the canvas."""
    canvas = opened.page.locator("#picture")
    values, width = canvas.evaluate(
        "(c) => [Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data), c.width]"
    )
    return np.array(values, np.uint8).reshape(-1, width, 4)[:, :, :3]


def shares(opened: Opened) -> list[float]:
    """The numbers beside the threshold: coverage, risk, all errors, errors found."""
    return [float(n) for n in re.findall(r"([\d.]+) %", " ".join(opened.texts("#picture-facts dd")))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pictures_fit_ask_for_nothing_and_can_be_used_by_all(browser, page, width, scheme):
    opened = opened_at(browser, page.file, width=width, scheme=scheme)
    wide, window = opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    box = opened.page.locator("#picture").bounding_box()
    assert box["width"] > 0.5 * min(width, 1240)
    assert opened.serious_violations() == []
    assert [r for r in opened.requests if not r.startswith("data:image/webp")] == []
    assert opened.complaints == []
    opened.close()


def test_the_numbers_at_each_threshold_are_those_of_the_pixels(browser, page):
    opened = opened_at(browser, page.file)
    entry = page.entry("dabnet", "dusk", 1)
    picture, truth = page.picture(entry), page.truth(entry)
    known, wrong = truth < 254, (truth < 254) & (picture.classes != truth)
    for level in (0, 20, 45, 60, len(THRESHOLDS) - 1):
        slide(opened, "#picture-level", level)
        accepted = picture.levels >= level
        assert opened.page.locator("#picture-threshold").inner_text() == str(THRESHOLDS[level]).removesuffix(".0")
        kept, errors = (accepted & known).sum(), (accepted & wrong).sum()
        expected = [100 * kept / known.sum()]
        expected += [100 * errors / kept, 100 * wrong.sum() / known.sum()] if kept else []
        expected += [100 * (1 - errors / wrong.sum())]
        expected += [100 * (accepted & (truth == 254)).sum() / (truth == 254).sum()]
        np.testing.assert_allclose(shares(opened), expected, atol=0.051)
    assert "nothing is accepted" in " ".join(opened.texts("#picture-facts dd"))
    opened.close()


def test_what_is_rejected_is_grey_and_what_is_accepted_has_the_color_of_its_class(browser, page):
    opened = opened_at(browser, page.file)
    entry = page.entry("dabnet", "dusk", 1)
    picture, index = page.picture(entry), PictureIndex.read(page.run)
    colors = np.array(index.classes["camvid"].colors)
    slide(opened, "#picture-divide", 0)
    slide(opened, "#picture-level", 40)
    drawn, accepted = pixels(opened), picture.levels >= 40
    assert 0 < accepted.sum() < accepted.size
    np.testing.assert_array_equal(drawn[accepted], colors[picture.classes[accepted]])
    assert (drawn[~accepted].max(axis=1) == drawn[~accepted].min(axis=1)).all()
    slide(opened, "#picture-level", 0)
    np.testing.assert_array_equal(pixels(opened), colors[picture.classes])
    opened.page.locator("#picture-safe").check()
    assert not np.array_equal(pixels(opened), colors[picture.classes])
    opened.close()


def test_a_slider_the_pointer_and_keys_move_the_border_between_two_layers(browser, page):
    opened = opened_at(browser, page.file)
    entry = page.entry("dabnet", "dusk", 1)
    picture, truth = page.picture(entry), page.truth(entry)
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(SHAPE.labels)] = PictureIndex.read(page.run).classes["camvid"].colors
    slide(opened, "#picture-level", 0)
    opened.page.select_option("#picture-left", "truth")
    slide(opened, "#picture-divide", 100)
    known = truth < 254
    np.testing.assert_array_equal(pixels(opened)[known], colors[truth[known]])
    slide(opened, "#picture-divide", 25)
    drawn, border = pixels(opened), truth.shape[1] // 4
    left, right = np.s_[10:30, : border - 10], np.s_[10:30, border + 10 :]
    np.testing.assert_array_equal(drawn[left], colors[truth[left]])
    np.testing.assert_array_equal(drawn[right], colors[picture.classes[right]])
    canvas = opened.page.locator("#picture")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    opened.page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.2 * box["height"])
    divide = opened.page.locator("#picture-divide")
    assert divide.input_value() == "75"
    canvas.focus()
    opened.page.keyboard.press("ArrowLeft")
    assert divide.input_value() == "73"
    assert "73 % Truth" in divide.get_attribute("aria-valuetext")
    opened.close()


def test_a_pixel_under_the_pointer_says_its_classes_and_its_confidence(browser, page):
    opened = opened_at(browser, page.file)
    entry = page.entry("dabnet", "dusk", 1)
    picture, truth = page.picture(entry), page.truth(entry)
    canvas = opened.page.locator("#picture")
    canvas.scroll_into_view_if_needed()
    box, (height, width) = canvas.bounding_box(), truth.shape
    wrong = (truth < 254) & (picture.classes != truth)
    for y, x in (np.argwhere(wrong)[50], np.argwhere(~wrong & (truth < 254))[50]):
        opened.page.mouse.move(
            box["x"] + (x + 0.5) / width * box["width"], box["y"] + (y + 0.5) / height * box["height"]
        )
        said = opened.page.locator("#picture-readout").inner_text()
        assert f"x {x}, y {y}: predicted {SHAPE.labels[picture.classes[y, x]]}" in said
        assert f"confidence {str(THRESHOLDS[picture.levels[y, x]]).removesuffix('.0')} to" in said
        assert f"truth: {SHAPE.labels[truth[y, x]]} ({'wrong' if wrong[y, x] else 'right'})" in said
    opened.close()


def test_wrong_pixels_are_red_and_right_ones_pale_and_every_layer_can_be_shown(browser, page):
    opened = opened_at(browser, page.file)
    entry = page.entry("dabnet", "dusk", 1)
    picture, truth = page.picture(entry), page.truth(entry)
    slide(opened, "#picture-level", 0)
    slide(opened, "#picture-divide", 0)
    opened.page.select_option("#picture-right", "errors")
    drawn = pixels(opened).astype(int)
    wrong = (truth < 254) & (picture.classes != truth)
    assert (drawn[wrong][:, 0] - drawn[wrong][:, 1] > 60).all()
    right = (truth < 254) & ~wrong
    assert (drawn[right].min(axis=1) > 150).all()
    seen = set()
    for layer in ("input", "truth", "prediction", "confidence", "errors"):
        opened.page.select_option("#picture-right", layer)
        seen.add(pixels(opened).tobytes())
    assert len(seen) == 5
    opened.close()


def test_the_switches_and_names_of_images_choose_what_is_shown(browser, page):
    opened = opened_at(browser, page.file)
    assert opened.page.locator("#picture").get_attribute("aria-label").startswith("s0/dusk_0000 by dabnet on dusk, ide")
    opened.page.select_option("#choose-model", label="edanet")
    opened.page.select_option("#choose-calibration", label="ts@camvid/cal")
    label = "s0/dusk_0000 by edanet on dusk, ts@camvid/cal"
    opened.page.locator(f"#picture[aria-label^='{label}']").wait_for()
    slide(opened, "#picture-level", 30)
    picture = page.picture(page.entry("edanet", "dusk", 1), "ts@camvid/cal")
    right, wrong = picture.counts[:2].sum(axis=0), picture.counts[:2, 30:].sum()
    assert shares(opened)[0] == pytest.approx(100 * wrong / right.sum(), abs=0.051)
    opened.page.locator("#images tbody th button", has_text="dusk_0001").click()
    opened.page.locator("#picture[aria-label^='s1/dusk_0001']").wait_for()
    assert opened.page.locator("#choose-picture option:checked").inner_text() == "worst 2, typical: s1/dusk_0001"
    opened.page.select_option("#choose-model", label="dabnet")
    opened.page.locator("#picture[aria-label^='s1/dusk_0001 by dabnet']").wait_for()  # the same image by another model
    opened.close()


def test_hostile_names_of_classes_and_images_are_text(browser, tmp_path):
    hostile = Shape(models=HOSTILE[:2], domains=HOSTILE[:2], dataset="d", labels=HOSTILE, calibrations=("identity",))
    opened = opened_at(browser, shown(tmp_path, hostile, each=1).file, width=390)
    wide, window = opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    assert opened.complaints == []
    assert set(opened.texts("#picture-legend bdi")) <= set(HOSTILE)
    assert not opened.page.query_selector_all("#pictures img, #pictures script")
    opened.close()


def test_a_page_without_pictures_says_how_to_have_some(browser, tmp_path):
    run = write_simulated_run(tmp_path / "run", SHAPE)
    file = tmp_path / "page.html"
    file.write_text(build_page([RunFiles.read(run)]), encoding="utf-8")
    opened = Opened(browser, file)
    assert "reliseg run CONFIG.yaml --out RUN --pictures" in opened.page.locator("#pictures").inner_text()
    assert opened.complaints == []
    opened.close()
