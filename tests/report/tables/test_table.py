"""A table as texts."""

from reliseg.report.tables import Wanted, Writing
from reliseg.report.tables.table import table_of

WANTED = Wanted(names={"metric": ["miou", "ood_auroc"]})


def test_the_best_is_marked_where_it_is_decided_and_reasons_have_marks(runs):
    table = table_of(runs, WANTED, Writing())
    assert table.corner == ("model",)
    assert table.heads == (("day", "mIoU (%) ↑"), ("dusk", "mIoU (%) ↑"), ("dusk", "OOD AUROC (%) ↑"))
    assert table.sides == (("a_1",), ("b&c",))
    assert [[cell.is_best for cell in line] for line in table.lines] == [[False] * 3, [False, True, False]]
    assert table.reasons == (("a", "no pixel"), ("b", "not measured"))
    assert [line[2].mark for line in table.lines] == ["a", "b"]
