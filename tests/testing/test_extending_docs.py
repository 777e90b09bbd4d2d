"""The package of the page 'Write a plug-in' is built as the page says, passes its own tests, and is used in a run."""

import csv
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reliseg.prediction import Prediction
from reliseg.testing import check_score

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text()
BLOCKS = re.findall(r"^```(\w+)(?: title=\"([^\"]*)\")?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FILES = {title: text for language, title, text in BLOCKS if language in ("python", "toml", "yaml", "json") and title}
SHOWN = {title: text for language, title, text in BLOCKS if language == "text"}
GROUPS = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package, with its files and photos; `src` is as pip leaves an installed package."""
    folder = tmp_path_factory.mktemp("reliseg-meadow")
    for title, text in (FILES | {"src/reliseg_meadow/__init__.py": ""}).items():
        (folder / title).parent.mkdir(parents=True, exist_ok=True)
        (folder / title).write_text(text)
    about = folder / "src" / "reliseg_meadow-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: reliseg-meadow\nVersion: 0.1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in GROUPS.items()]
    (about / "entry_points.txt").write_text("".join(lines))
    take_photos(folder / "photos")
    return folder


def take_photos(folder: Path) -> None:
    """Two images for each of two days, in the colors of their classes and with much noise."""
    colors = np.array([[60, 160, 60], [220, 200, 60], [140, 120, 100]])
    g = np.random.default_rng(0)
    for day in ("monday", "tuesday"):
        for kind in ("images", "masks"):
            (folder / kind / day).mkdir(parents=True)
        for i in range(2):
            truth = g.integers(0, 3, (4, 6)).repeat(8, axis=0).repeat(8, axis=1)
            image = np.clip(colors[truth] + g.normal(0, 40, (*truth.shape, 3)), 0, 255)
            Image.fromarray(image.astype(np.uint8)).save(folder / "images" / day / f"{i}.png")
            Image.fromarray(truth.astype(np.uint8)).save(folder / "masks" / day / f"{i}.png")


def run(folder: Path, *words: str) -> str:
    """Run a Python module in the folder of the package; its output."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder / "src"), str(ROOT / "src")])}
    ended = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_there_is_a_plug_in_of_each_kind_in_a_file_of_its_name():
    assert set(GROUPS) == {"reliseg.metrics", "reliseg.scores", "reliseg.calibration", "reliseg.models"}
    for names in GROUPS.values():
        for name, where in names.items():
            module, _, kind = where.partition(":")
            assert module == f"reliseg_meadow.{name}"
            assert f"class {kind}(" in FILES[f"src/reliseg_meadow/{name}.py"]


@pytest.mark.slow
def test_the_package_passes_the_tests_that_the_page_shows(package):
    assert "6 passed" in run(package, "pytest", "-p", "no:cacheprovider", "tests")


@pytest.mark.slow
def test_the_commands_of_the_page_list_and_use_all_four(package):
    [commands] = [text for language, _, text in BLOCKS if language == "console"]
    outputs = [run(package, *line.split()[1:]) for line in commands.splitlines() if line.startswith("$ reliseg")]
    assert "gini                    Sum of squared probabilities" in outputs[0]
    with (package / "runs" / "meadow" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {"colors"}
    assert {row["score"] for row in rows} == {"", "msp", "gini"}
    calibrations = {"identity", "brier_ts@meadow/monday", "brier_ts(lowest=0.5,highest=4)@meadow/monday"}
    assert {row["calibration"].replace(".0", "") for row in rows} == calibrations
    iou = [float(row["value"]) for row in rows if row["metric"] == "common_miou"]
    assert len(iou) == 3
    assert min(iou) > 0.6
    assert all(float(row["value"]) > 0.6 for row in rows if row["metric"] == "auroc" and row["score"] == "gini")


@pytest.mark.slow
def test_a_broken_plug_in_is_listed_as_the_page_shows(package, tmp_path):
    broken = Path(shutil.copytree(package, tmp_path / "broken"))
    (broken / "src" / "reliseg_meadow" / "gini.py").write_text("import meadow_tools\n")
    assert SHOWN["output of reliseg list scores with a broken gini"] in run(broken, "reliseg", "list", "scores")


def test_the_broken_law_reads_as_the_page_shows():
    names: dict = {}
    exec(FILES["src/reliseg_meadow/gini.py"], names)

    class Gini(names["Gini"]):
        def __call__(self, logits):
            return -super().__call__(logits)

    Gini.__qualname__ = "Gini"
    names["dataclass"](frozen=True)(Gini)
    with pytest.raises(AssertionError) as caught:
        check_score(Gini())
    assert str(caught.value) == SHOWN["a broken law"].strip()


def test_the_calibration_that_is_no_temperature_works():
    [text] = [text for language, title, text in BLOCKS if language == "python" and not title]
    names: dict = {}
    exec(text, names)
    prediction = Prediction(np.ones((3, 2, 2), np.float32), (4, 4))
    transform = names["Squashed"](2.0)(prediction).transform
    np.testing.assert_allclose(transform(np.array([[100.0], [-np.inf]])), [[2.0], [-np.inf]])
