"""Maps that a run saves give its own numbers again."""

import numpy as np
import pytest
from helpers.saved_maps import ece_of
from helpers.street import make_street
from PIL import Image

from reliseg.config.schema import read_config, render_config
from reliseg.errors import ConfigError
from reliseg.plan.build import plan_from_config
from reliseg.run.execute import Run

TS = "ts@street/cal"


def saving(street, out, *kinds):
    config = read_config(street.config)
    return Run(plan_from_config(config, street.root), out, render_config(config, street.root), save=kinds)


def test_numbers_from_saved_maps_are_those_of_the_run_before_and_after_calibration(tmp_path):
    street, out = make_street(tmp_path / "street", cal=3, day=3, dusk=1), tmp_path / "out"
    results = saving(street, out, "prediction", "confidence", f"confidence@{TS}").execute()
    folder = out / "saved" / "net" / "street"
    assert not list((folder / "cal").rglob("*@*")), "nothing was fitted when these images were predicted"
    files = sorted((folder / "day").rglob("*_pred.png"))
    assert len(files) == 3
    classes = [np.asarray(Image.open(file)) for file in files]
    truths = [np.asarray(Image.open(street.mask("train", int(f.stem[-9:-5])))) for f in files]
    truths = [np.where(mask == 11, 255, mask) for mask in truths]
    for calibration, ending in (("identity", "conf"), (TS, "conf@ts@street-cal")):
        codes = [np.asarray(Image.open(str(f).replace("_pred", f"_{ending}"))) for f in files]
        ece, tolerance = ece_of(classes, codes, truths)
        assert tolerance < 5e-3, "few pixels lie on an edge"
        assert ece == pytest.approx(results.value("ece", domain="day", calibration=calibration), abs=tolerance)


def test_a_calibration_that_the_run_does_not_have_is_refused_before_anything_is_made(tmp_path):
    street, out = make_street(tmp_path / "street", cal=1, day=1, dusk=1), tmp_path / "out"
    with pytest.raises(ConfigError, match="no calibration 'ts@street/day' is applied; did you mean 'ts@street/cal'"):
        saving(street, out, "confidence@ts@street/day").execute()
    assert not out.exists()
