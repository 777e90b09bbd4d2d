"""The demo as a whole, on few scenes: what it draws, writes and says."""

import numpy as np
import pytest
from PIL import Image

from reliseg.config.schema import read_config
from reliseg.demo import run as demo
from reliseg.demo.world.scenes import CONDITIONS
from reliseg.results import Results
from reliseg.runtime.progress import Silent

FEW = ("clear", "fog")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The folder of a demo with one scene of each domain and two conditions, and what it says at the end."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "CALIBRATION_SEEDS", range(1000, 1001))
        patch.setattr(demo, "TEST_SEEDS", range(1))
        patch.setattr(demo, "SHOWN_SEED", 0)
        patch.setattr(demo, "CONDITIONS", FEW)
        return folder, "\n".join(demo.run_demo(folder, workers=1, progress=Silent()))


def test_calibration_scenes_share_no_seed_with_test_scenes():
    seeds = [*demo.CALIBRATION_SEEDS, *(s + len(demo.CALIBRATION_SEEDS) for s in demo.CALIBRATION_SEEDS)]
    assert len(set(seeds)) == len(seeds)
    assert not set(seeds) & set(demo.TEST_SEEDS)
    assert demo.SHOWN_SEED in demo.TEST_SEEDS
    assert len(demo.CALIBRATION_SEEDS) % len(CONDITIONS) == 0  # as many of each condition in `mixed`


@pytest.mark.slow
def test_every_domain_has_its_scenes_with_unknown_objects_in_tests_alone(small):
    folder, _ = small
    for domain in (*demo.SPLITS, *FEW):
        (image,) = (folder / "scenes" / domain / "images").iterdir()
        (mask,) = (folder / "scenes" / domain / "masks").iterdir()
        assert image.name == mask.name
        truth = np.asarray(Image.open(mask))
        assert np.asarray(Image.open(image)).shape == (*truth.shape, 3)
        assert (truth == 254).any() == (domain in FEW)


@pytest.mark.slow
def test_results_hold_every_condition_under_every_calibration(small):
    folder, _ = small
    results = Results.read(folder / "run")
    calibrations = ("identity", *(f"ts@drawn/{split}" for split in demo.SPLITS))
    assert {(r.domain, r.calibration) for r in results if r.metric == "nll"} == {
        (c, name) for c in FEW for name in calibrations
    }
    assert read_config(folder / "run" / "config.yaml").test.reference == "drawn/clear"


@pytest.mark.slow
def test_what_it_says_quotes_the_numbers_and_names_files_that_exist(small):
    folder, story = small
    results = Results.read(folder / "run")
    assert f"mIoU {results.value('miou', domain='clear', calibration='identity'):.2f} in clear weather" in story
    files = [line.strip() for line in story.partition("Look at:\n")[2].splitlines()]
    assert len(files) == 5
    assert files[0].endswith("report.html")
    assert all((folder / file).exists() for file in files)
    assert {path.stem for path in (folder / "pictures").iterdir()} == {"all", *FEW}


@pytest.mark.parametrize(
    ("names", "text"),
    [([], "no condition"), (["fog"], "fog"), (["fog", "rain"], "fog and rain"), (["a", "b", "c"], "a, b and c")],
)
def test_an_enumeration_ends_with_and(names, text):
    assert demo._enumeration(names) == text
