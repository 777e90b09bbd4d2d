"""What fits need is said before a long run; whole runs that are checked stand in `tests/run/fit/test_sampling.py`."""

from helpers.plans import dataset_of, plan_of, target_of

from reliseg.plan.plan import Fit
from reliseg.run.check.fit_needs import DiskUse, fit_problems


def test_fits_say_how_many_images_they_want_and_what_they_take():
    dataset = dataset_of({"day": [f"s/{i}" for i in range(5)]})
    fit = Fit((target_of(dataset, "day"),), ("cluster_ts(k=9,seed=1)", "ts"))
    (line,) = fit_problems(plan_of(dataset, fits=[fit]))
    assert line == "calibration on world/day: cluster_ts(k=9,seed=1) needs at least 9 images and has 5; use more images"
    seeds = Fit((target_of(dataset, "day"),), ("cluster_ts(k=9,seeds=[1,2])", "cluster_ts(k=7,seed=1)"))
    assert len(list(fit_problems(plan_of(dataset, fits=[seeds])))) == 2
    use = DiskUse(1000, 0, 2_000_000) + DiskUse(500, 2, 500_000)
    assert str(use) == "calibrations are fitted on about 1,500 pixels and 2 whole images, 2.5 MB on disk until then"
