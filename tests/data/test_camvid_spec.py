import numpy as np
import pytest

from reliseg.data import DataOptions, DomainCheck, check_domain, load, open_dataset


@pytest.fixture(scope="module")
def camvid(real_data):
    domains = {
        "cal": {"split": "val"},
        "day": {"split": "test", "scenes": ["Seq05VD"]},
        "dusk": {"split": "test", "scenes": ["0001TP"]},
        "both": {"union": ["day", "dusk"]},
    }
    return open_dataset(DataOptions("camvid", real_data / "camvid", domains=domains))


@pytest.mark.parametrize(
    ("domain", "scenes", "count", "first"),
    [
        ("cal", {"0016E5"}, 24, "0016E5/0016E5_07959"),
        ("day", {"Seq05VD"}, 24, "Seq05VD/Seq05VD_f00000"),
        ("dusk", {"0001TP"}, 20, "0001TP/0001TP_008550"),
        ("both", {"0001TP", "Seq05VD"}, 44, "0001TP/0001TP_008550"),
    ],
)
def test_domains(domain, scenes, count, first, camvid):
    samples = camvid.domains[domain].samples
    assert len(samples) == count
    assert {s.scene for s in samples} == scenes
    assert samples[0].id == first
    assert list(samples) == sorted(samples)


def test_a_real_sample(camvid):
    sample = camvid.domains["day"].samples[0]
    assert (sample.image, sample.mask) == ("test/Seq05VD_f00000.png", "testannot/Seq05VD_f00000.png")
    loaded = load(camvid, sample)
    assert loaded.image.shape == (360, 480, 3)
    assert set(np.unique(loaded.truth)) <= {*range(11), 255}
    assert loaded.image.mean() > 20


def test_everything_decodes(camvid):
    for domain in ("cal", "both"):
        assert check_domain(camvid, camvid.domains[domain]) == DomainCheck()
        assert check_domain(camvid, camvid.domains[domain], full=True) == DomainCheck()
