from reliseg.report.page.specs import SPECS


def test_no_chart_brings_data_from_elsewhere():
    assert "'url'" not in str(SPECS)
    assert all("datasets" not in spec for spec in SPECS.values())
