"""Corrupted domains as a configuration names them."""

import pytest
from helpers.plans import dataset_of

from reliseg.config.schema import parse_config
from reliseg.errors import ConfigError
from reliseg.plan.build import plan_with
from reliseg.plan.corrupt import corrupted_tests, with_corrupted_domains
from reliseg.plan.plan import without_copies

DOMAINS = {"cal": ["a/1"], "day": ["b/1", "b/2"], "dusk": ["c/1"]}


def config(**sections):
    models = [{"name": "net", "kind": "python", "where": "net.py:build"}]
    return parse_config(
        {"models": models, "datasets": [{"name": "world", "spec": "camvid", "root": "data"}]} | sections
    )


def plan(tmp_path, dataset=None, **sections):
    return plan_with([], [dataset or dataset_of(DOMAINS)], config(**sections), tmp_path)


def names(targets):
    return [str(target) for target in targets]


def test_every_kind_at_every_severity_is_tested_beside_the_others(tmp_path):
    found = plan(
        tmp_path, test={"on": ["world/day"]}, corrupt={"of": "world/day", "kinds": "noise", "severities": [1, 5]}
    )
    kinds = ("gaussian_noise", "impulse_noise", "shot_noise")
    assert names(found.tests) == ["world/day", *(f"world/day+{kind}-{s}" for kind in kinds for s in (1, 5))]


def test_by_default_all_fifteen_at_all_severities_and_what_is_tested_otherwise_stays_so(tmp_path):
    found = plan(tmp_path, corrupt=[{"of": "world/dusk"}])
    assert names(found.tests)[:3] == ["world/cal", "world/day", "world/dusk"]
    assert len(found.tests) == 3 + 75


def test_a_data_set_is_all_its_clean_domains(tmp_path):
    found = plan(tmp_path, corrupt=[{"of": "world", "kinds": ["rain"], "severities": [2]}], test={"on": ["world"]})
    assert names(found.tests) == [f"world/{d}{more}" for more in ("", "+rain-2") for d in DOMAINS]


def test_corrupted_domains_are_named_wherever_domains_are(tmp_path):
    found = plan(
        tmp_path,
        calibration=[{"on": ["world/cal+fog-3"], "methods": ["ts"], "apply": ["world/day+snow-1"]}],
        test={"on": ["world/day", "world/day+snow-1"], "reference": "world/day+snow-2"},
    )
    assert names(found.tests) == ["world/day", "world/day+snow-1"]
    assert [f.split for f in found.fits] == ["world/cal+fog-3"]
    assert str(found.reference) == "world/day+snow-2"


def test_the_seed_is_that_of_the_run():
    dataset = dataset_of(DOMAINS)
    for seed in (0, 7):
        domains = with_corrupted_domains({"world": dataset}, config(test={"on": ["world/day+fog-1"]}, seed=seed))
        assert domains["world"].domains["day+fog-1"].corruption.seed == seed


def test_a_split_and_its_corrupted_copy_are_the_same_images(tmp_path):
    calibration = [{"on": ["world/cal+fog-3"], "methods": ["ts"]}]
    with pytest.raises(ConfigError, match=r"world/cal shares 1 sample with world/cal\+fog-3"):
        plan(tmp_path, calibration=calibration, test={"on": ["world/cal"]})
    with pytest.raises(ConfigError, match=r"world/day\+fog-1 shares 2 samples with world/day,"):
        plan(
            tmp_path,
            calibration=[{"on": ["world/day"], "methods": ["ts"]}],
            corrupt={"of": "world/day", "kinds": ["fog"]},
        )
    assert names(plan(tmp_path, calibration=calibration).tests) == ["world/day", "world/dusk"]


def test_a_domain_that_has_such_a_name_itself_stays_what_it_is(tmp_path):
    dataset = dataset_of({"day": ["b/1"], "day+fog-3": ["d/1"]})
    found = plan(tmp_path, dataset, test={"on": ["world/day+fog-3"]})
    assert found.tests[0].domain.corruption is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("world/day+fogg-3", r"world/day\+fogg-3: unknown corruption 'fogg'; did you mean 'fog'"),
        ("world/day+fog-6", r"world/day\+fog-6: severity is '6'; give a whole number from 1 to 5"),
        ("world/day+fog", r"world/day\+fog: 'fog' is no corruption; write KIND-SEVERITY, like fog-3"),
        ("world/day+fog-1+snow-1", "an image is corrupted once"),
        ("world/dai+fog-1", "world has no domain"),
        ("wold/day+fog-1", "no data set 'wold'"),
    ],
)
def test_what_names_no_domain_is_one_line(tmp_path, name, said):
    with pytest.raises(ConfigError, match=said):
        plan(tmp_path, test={"on": [name]})


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"of": "world/dai"}, r"corrupt: of: world/dai: world has no domain 'dai'; did you mean 'day'"),
        (
            {"of": "world/day+fog-1"},
            r"corrupt: of: world/day\+fog-1: an image is corrupted once; name what stands before",
        ),
        ({"of": "wold"}, r"corrupt: of: wold: no data set 'wold'; did you mean 'world'"),
        ({"of": "world/day", "kinds": ["fogg"]}, r"corrupt.*unknown corruption 'fogg'; did you mean 'fog'"),
        ({"of": "world/day", "severities": [0]}, r"corrupt.*severity is '0'; give a whole number from 1 to 5"),
        ({"of": "world/day", "severities": [6]}, r"corrupt.*severity is '6'"),
        ({"of": "world/day", "severity": 3}, r"corrupt.*severity"),
        ({"kinds": "all"}, r"corrupt.*of"),
    ],
)
def test_a_section_that_cannot_be_carried_out_is_one_line(tmp_path, section, said):
    with pytest.raises(ConfigError, match=said) as raised:
        plan(tmp_path, corrupt=section)
    assert len(raised.value.lines) == 1


def test_of_domains_with_the_same_files_one_is_looked_at():
    datasets = with_corrupted_domains(
        {"world": dataset_of(DOMAINS)}, config(corrupt=[{"of": "world/day", "kinds": ["fog", "rain"]}])
    )
    copies = corrupted_tests(datasets, config(corrupt=[{"of": "world/day", "kinds": ["fog", "rain"]}]))
    assert len(copies) == 10
    assert names(without_copies(copies)) == ["world/day+fog-1"]
