"""What can be named in a configuration is listed, each with a line, whatever is installed."""

import pytest

from reliseg.calibration import CALIBRATORS
from reliseg.calibration.methods import lts
from reliseg.report.listing import listing_lines


@pytest.mark.parametrize("kind", ["models", "datasets", "labels", "metrics", "scores", "calibrations"])
def test_every_name_has_an_explanation(kind):
    lines = list(listing_lines(kind))
    assert len(lines) > 2
    assert all(len(line.split()) > 2 or line.startswith("  ") for line in lines)


def test_a_method_without_its_package_is_listed_with_what_to_install(monkeypatch):
    usual = list(listing_lines("calibrations"))
    monkeypatch.setattr(lts, "find_spec", lambda name: None)
    lines = list(listing_lines("calibrations"))
    assert "  lts needs torch: pip install 'reliseg[torch]'" in lines
    assert len(lines) == len(usual)
    assert {line.split()[0] for line in lines if not line.startswith(" ")} == set(CALIBRATORS.names())
