"""Results are made of what is stored; those that lie there are used as long as all they are made of is the same."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from helpers.devices import Notes
from helpers.restored import restored
from helpers.runs import run_of
from helpers.street import Street, make_street

import reliseg
from reliseg.errors import ConfigError, IncompleteError
from reliseg.results import Results
from reliseg.run import conclude as module
from reliseg.run.execute import Run
from reliseg.run.failures import OnError
from reliseg.run.store.answers import Answers
from reliseg.run.store.piece_files import FORMAT

FILES = ("manifest.json", "results.json", "results.csv", "reliability.csv", "fits.csv", "curves.json", "images.csv")


def run_in(street: Street, on_error: OnError = "stop") -> Run:
    return run_of(street.config, street.root / "out", progress=Notes(), on_error=on_error)


def earlier(run: Run) -> Results | None:
    """The results that lie there, if they are those of the run."""
    return run.conclusion.earlier(run.survey([run.context.handle(source) for source in run.plan.models]))


def table(street: Street) -> bytes:
    return (street.root / "out" / "results.csv").read_bytes()


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Street:
    made = make_street(tmp_path_factory.mktemp("conclude") / "street", cal=2, day=3, dusk=2)
    run_in(made).execute()
    return made


@pytest.fixture
def street(evaluated: Street) -> Iterator[Street]:
    """It has been evaluated."""
    with restored(evaluated.root):
        yield evaluated


def test_results_of_an_equal_run_are_used_and_no_file_is_written(street: Street) -> None:
    out = street.root / "out"
    times = {name: (out / name).stat().st_mtime_ns for name in FILES}
    run = run_in(street)
    results = run.execute()
    assert results.to_csv().encode() == table(street)
    assert {name: (out / name).stat().st_mtime_ns for name in FILES} == times
    assert isinstance(run.progress, Notes)
    assert "nothing has changed: the results are those that lie there" in run.progress.lines


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_results_that_was_edited_or_removed_is_written_anew(street: Street, name: str) -> None:
    path = street.root / "out" / name
    before = path.read_bytes()
    path.write_bytes(before.replace(b"0", b"1", 1))
    assert earlier(run_in(street)) is None
    path.unlink()
    assert earlier(run_in(street)) is None
    run_in(street).execute()
    assert path.read_bytes() == before


def other_code(run: Run, patch: pytest.MonkeyPatch) -> Run:
    patch.setattr(module, "state_of_code", lambda: "another")
    return run


def code_of_a_metric(run: Run, patch: pytest.MonkeyPatch) -> Run:
    patch.setattr(module, "parts_of_code", lambda plugins: {"code of a package": "another"})
    return run


def other_way_after_errors(run: Run, patch: pytest.MonkeyPatch) -> Run:
    return replace(run, on_error="skip")


def other_configuration(run: Run, patch: pytest.MonkeyPatch) -> Run:
    return replace(run, configuration=f"{run.configuration}# asked in other words\n")


def absent_class(run: Run, patch: pytest.MonkeyPatch) -> Run:
    """As a file of labels says that the configuration names."""
    (*others, first) = run.plan.tests
    labels = replace(first.dataset.labels, absent=frozenset({3}))  # type: ignore[union-attr]
    other = replace(first, dataset=replace(first.dataset, labels=labels))  # type: ignore[union-attr]
    return replace(run, plan=replace(run.plan, tests=(*others, other)))


def no_annotation(run: Run, patch: pytest.MonkeyPatch) -> Run:
    (*others, first) = run.plan.tests
    other = replace(first, domain=replace(first.domain, annotated=False))
    return replace(run, plan=replace(run.plan, tests=(*others, other)))


CHANGES = [
    other_code,
    code_of_a_metric,
    other_way_after_errors,
    other_configuration,
    absent_class,
    no_annotation,
]


@pytest.mark.parametrize("change", CHANGES)
def test_results_are_not_used_where_what_makes_them_is_another(
    street: Street, monkeypatch: pytest.MonkeyPatch, change: Callable[[Run, pytest.MonkeyPatch], Run]
) -> None:
    assert earlier(run_in(street)) is not None
    assert earlier(change(run_in(street), monkeypatch)) is None


def test_results_are_not_used_where_statistics_are_others(street: Street) -> None:
    run = run_in(street)
    (found,) = run.survey([run.context.handle(source) for source in run.plan.models])
    (street.root / "out" / found.pieces[0]).unlink()
    assert earlier(run_in(street)) is None


def test_results_are_not_used_where_the_thresholds_beside_a_loaded_calibration_are_others(street: Street) -> None:
    records = street.root / "records"
    (street.root / "out" / "calibrations").rename(records)
    street.write(street.content() | {"calibration": [{"load": str(records)}]})
    run_in(street).execute()
    assert earlier(run_in(street)) is not None
    run = run_in(street)
    (record,) = run.plan.loaded["net"]
    assert record.thresholds
    bare = replace(run.plan, loaded={"net": (replace(record, thresholds={}),)})
    assert earlier(replace(run, plan=bare)) is None


def test_a_table_of_another_configuration_is_not_taken_for_the_own_one(street: Street) -> None:
    first, content = table(street), street.content()
    street.write(content | {"metrics": ["segmentation"]})
    run_in(street).execute()
    assert table(street) != first
    street.write(content)
    assert earlier(run_in(street)) is None
    run_in(street).execute()
    assert table(street) == first
    assert len(list((street.root / "out" / "configurations").glob("*.json"))) == 2


def break_one(street: Street) -> None:
    path = street.logits("train", 1001)
    path.write_bytes(path.read_bytes()[:50])


def test_what_was_incomplete_is_raised_again_as_long_as_nothing_changes(street: Street) -> None:
    whole = street.logits("train", 1001).read_bytes()
    before = table(street)
    break_one(street)
    with pytest.raises(IncompleteError) as first:
        run_in(street).execute()
    assert "net on street/day: could not evaluate 1 sample" in str(first.value)
    assert "this domain has no results" in str(first.value)
    assert {row.domain for row in Results.read(street.root / "out")} == {"dusk"}
    with pytest.raises(IncompleteError) as again:
        run_in(street).execute()
    assert str(again.value) == str(first.value)
    street.logits("train", 1001).write_bytes(whole)
    run_in(street).execute()
    assert table(street) == before


def test_a_refused_calibration_is_said_again_with_the_results_that_lie_there(street: Street) -> None:
    content = street.content()
    content["calibration"][0]["methods"] = ["ts", "cluster_ts(k=2,seed=1)"]
    street.write(content)
    said = []
    for _ in range(2):
        with pytest.raises(IncompleteError, match="without a feature") as raised:
            run_in(street).execute()
        said.append(str(raised.value))
    assert said[0] == said[1]
    with pytest.raises(IncompleteError, match="without a feature"):
        earlier(run_in(street))


def test_with_skip_rows_are_over_the_other_images_and_say_so(street: Street) -> None:
    break_one(street)
    with pytest.raises(IncompleteError) as raised:
        run_in(street, "skip").execute()
    assert "net on street/day: could not evaluate 1 sample" in str(raised.value)
    assert str(raised.value).endswith("; its numbers are over the other samples")
    results = Results.read(street.root / "out")
    assert {(row.domain, row.n_images, row.skipped) for row in results} == {("day", 2, 1), ("dusk", 2, 0)}

    without = street.root / "without"
    for path in (street.image("train", 1001), street.mask("train", 1001)):
        path.unlink()
    reliseg.run_config(street.config, without)
    expected = [replace(row, skipped=0) for row in Results.read(without)]
    assert [str(replace(row, skipped=0)) for row in results] == [str(row) for row in expected]


def test_what_was_not_tried_is_no_failure(street: Street) -> None:
    run = run_in(street)
    (found,) = run.survey([run.context.handle(source) for source in run.plan.models])
    (street.root / "out" / found.pieces[0]).unlink()
    now = run_in(street)
    (found,) = now.survey([now.context.handle(source) for source in now.plan.models])
    assert found.run
    with pytest.raises(ConfigError, match=r"net: 1 of \d+ shards are not evaluated; run --stage evaluate first"):
        replace(now.conclusion, all_tried=False).write([found.run], [found])
    with pytest.raises(IncompleteError, match="it was not evaluated"):
        now.conclusion.write([found.run], [found])


def test_a_run_of_another_version_is_not_said_to_have_never_been_evaluated(street: Street) -> None:
    for path in (street.root / "out" / "statistics").glob("??/*/*.zip"):
        path.write_bytes(rewritten(path.read_bytes(), FORMAT - 1))
    now = run_in(street)
    surveys = now.survey([now.context.handle(source) for source in now.plan.models])
    runs = [found.run for found in surveys if found.run]
    with pytest.raises(ConfigError) as raised:
        replace(now.conclusion, all_tried=False).write(runs, surveys)
    assert str(raised.value) == (
        "net: 3 of 3 shards are not evaluated: what lies here is of another version of reliseg "
        f"(format {FORMAT - 1}, this one has {FORMAT}); run --stage evaluate first"
    )


def rewritten(piece: bytes, number: int) -> bytes:
    """A piece that says another number of its format."""
    with zipfile.ZipFile(io.BytesIO(piece)) as archive:
        head = json.loads(archive.read("head.json")) | {"format": number}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("head.json", json.dumps(head))
        archive.comment = bytes(64)
    return whole.getvalue()


def test_an_answer_names_all_that_it_was_made_of(street: Street) -> None:
    run = run_in(street)
    answer = Answers(run.context.folder.configurations).of(run.configuration)
    assert answer
    out = street.root / "out"
    assert {str(path.relative_to(out)) for path in out.glob("statistics/*/*/*.zip")} == set(answer.pieces)
    assert set(FILES) <= set(answer.files)
    assert set(answer.parts["net"]) == {"street/cal", "street/day", "street/dusk"}
    assert answer.problems == ()
    provenance = json.loads((out / "results.json").read_text())["provenance"]
    assert "samples" not in provenance
    assert provenance.keys() | {"samples"} == json.loads((out / "manifest.json").read_text()).keys()
