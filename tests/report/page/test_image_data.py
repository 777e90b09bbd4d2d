from reliseg.report.page.image_data import worst_images


def test_the_worst_images_come_first_and_those_without_a_value_are_left_out():
    lines = [
        {"sample": "a", "miou": "0.5", "iou_car": "0.2", "iou_road": "0.8"},
        {"sample": "b", "miou": "", "iou_car": "", "iou_road": ""},
        {"sample": "c", "miou": "0.25", "iou_car": "", "iou_road": "0.25"},
    ]
    worst = worst_images(lines, 5)
    assert (worst["sample"], worst["miou"], worst["of"]) == (["c", "a"], [0.25, 0.5], [2])
    assert worst["lowest"] == [["road", 0.25], ["car", 0.2]]
    assert worst_images(lines, 1)["sample"] == ["c"]
