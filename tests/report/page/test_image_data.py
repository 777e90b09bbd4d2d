import math

from reliseg.report.page.image_data import worst_images
from reliseg.results import ImageTable, csv_line
from reliseg.results.images import NUMBERS, PIXELS, PLACE


def test_the_worst_images_come_first_and_those_without_a_value_are_left_out(tmp_path):
    lines = [
        ("a", 0.512345, 0.9, 0.2),
        ("b", math.nan, 0.1, 0.1),
        ("c", 0.0, 0.4, math.nan),
    ]
    others = dict.fromkeys(NUMBERS, 0.25)
    cells = (
        [*PLACE[:4], sample, *PLACE[5:], 100, *(others | {"miou": miou}).values(), road, car]
        for sample, miou, road, car in lines
    )
    header = [*PLACE, PIXELS, *NUMBERS, "iou_road", "iou_car"]
    (tmp_path / "images.csv").write_text("".join(map(csv_line, [header, *cells])))
    table = ImageTable.read(tmp_path)
    worst = worst_images(table, 5)
    assert worst["sample"] == ["c", "a"]
    assert worst["of"] == [2]
    assert worst["miou"] == [0.0, 0.5123]
    assert worst["lowest"] == [["road", 0.4], ["car", 0.2]]
    assert worst_images(table, 1)["sample"] == ["c"]
