"""What a run counts follows from its metrics."""

import zipfile

import pytest
from helpers.street import Street, make_street

import reliseg
from reliseg.metrics import METRICS

MISSING = {"class_wise_error", "estimated_miou"}
THEIRS = (",classwise_ece,", ",estimated_miou,", ",estimated_miou_error,")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return make_street(tmp_path_factory.mktemp("street"), cal=3, day=3, dusk=2)


def run(street: Street, metrics: list[str], name: str) -> tuple[list[str], set[str]]:
    """The rows of the results, and the arrays in its shards."""
    street.write({**street.content(), "metrics": metrics})
    out = street.root / name
    reliseg.run_config(street.config, out)
    arrays: set[str] = set()
    for path in (out / "statistics").rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            arrays |= set(archive.namelist())
    return (out / "results.csv").read_text().splitlines(), arrays


def test_class_wise_statistics_are_counted_where_a_metric_reads_them(street: Street) -> None:
    names = [n for n in METRICS.names() if METRICS.get(n).by_default]
    assert {n for n in names if METRICS.get(n).reads_classwise} == MISSING
    rows, arrays = run(street, names, "every")
    fewer, others = run(street, [n for n in names if n not in MISSING], "some")
    assert arrays - others == {a for a in arrays if a.startswith("classwise.")} != set()
    assert others < arrays
    assert fewer == [row for row in rows if not any(metric in row for metric in THEIRS)]
    assert len(fewer) < len(rows)
    alone, _ = run(street, ["class_wise_error"], "alone")
    assert alone[1:] == [row for row in rows if ",classwise_ece," in row]


def test_a_finished_run_is_not_taken_for_one_with_other_metrics(street: Street) -> None:
    run(street, ["likelihood"], "few")
    asked_more, _ = run(street, ["likelihood", "class_wise_error"], "few")
    fresh, _ = run(street, ["likelihood", "class_wise_error"], "fresh")
    assert asked_more == fresh
