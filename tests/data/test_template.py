import os
from pathlib import Path

import pytest

from reliseg.data.template import Template, Tree, fields_in, fill_fields, templates_text
from reliseg.errors import DataError


def find(root: Path, *texts: str, allowed=None, **patterns: str) -> list[tuple[str, dict[str, str]]]:
    matches = Tree(root).find([Template.of(text, patterns) for text in texts], allowed or {})
    return [(item.path, item.fields) for item in matches]


@pytest.fixture
def files(tmp_path: Path):
    def touch(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return touch


def test_fields_match_parts_of_names(files):
    root = files("val/a/a_1_rgb.png", "val/a/a_1_ids.png", "val/note.txt", "a_2_rgb.png")
    assert find(root, "{split}/{scene}/{stem}_rgb.png") == [
        ("val/a/a_1_rgb.png", {"split": "val", "scene": "a", "stem": "a_1"})
    ]


def test_a_field_twice_has_one_value(files):
    root = files("a/a_1.png", "a/b_1.png", "a/1_1.png")
    assert [path for path, _ in find(root, "{scene}/{scene}_{stem}.png")] == ["a/a_1.png"]
    assert [path for path, _ in find(root, "a/{stem}_{stem}.png")] == ["a/1_1.png"]


def test_a_file_belongs_to_the_first_template(files):
    root = files("x_rgb.png", "y.png")
    assert find(root, "{stem}_rgb.png", "{stem}.png") == [("x_rgb.png", {"stem": "x"}), ("y.png", {"stem": "y"})]


def test_patterns_and_allowed_values(files):
    root = files("val/1.png", "valannot/1.png", "test/1.png")
    assert [p for p, _ in find(root, "{split}/{stem}.png", split="val|test")] == ["test/1.png", "val/1.png"]
    assert [p for p, _ in find(root, "{split}/{stem}.png", allowed={"split": frozenset({"test"})})] == ["test/1.png"]


def test_a_pattern_may_begin_with_flags_which_hold_for_its_field_alone(files):
    root = files("VAL/a.png", "val/A.png", "test/a.png")
    assert [p for p, _ in find(root, "{split}/{stem}.png", split="(?i)val|dev", stem="a")] == ["VAL/a.png"]
    assert [p for p, _ in find(root, "{split}/{stem}.png", split="val", stem="(?i)a")] == ["val/A.png"]


def test_regular_expression_characters_are_literal(files):
    root = files("a+b/x.png", "a+b/xypng")
    assert [p for p, _ in find(root, "a+b/{stem}.png")] == ["a+b/x.png"]
    assert [p for p, _ in find(root, "a+b{tail}/{stem}.png", tail=".*")] == ["a+b/x.png"]


def test_hidden_files_and_folders_of_a_fitting_name_are_left_out(files):
    root = files("._x.png", "x.png", ".cache/y.png", "folder.png/z.txt")
    assert [p for p, _ in find(root, "{stem}.png", "{scene}/{stem}.png")] == ["x.png"]


def test_folders_are_listed_once(files, monkeypatch):
    root = files("a/1.png", "b/2.jpg")
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(Path(path)) or scandir(path))
    tree = Tree(root)
    templates = [Template.of(t, {}) for t in ("{scene}/{stem}.png", "{scene}/{stem}.jpg", "c/{stem}.png")]
    tree.find(templates, {})
    tree.find(templates, {})
    assert sorted(listed) == [root, root / "a", root / "b", root / "c"]


def test_a_folder_that_cannot_be_listed(files, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DataError, match=r"cannot be listed \(permission denied\)"):
        find(files("a/1.png"), "a/{stem}.png")


def test_fields_of_a_text_are_found_and_filled() -> None:
    assert fields_in("{split}/a_{stem}.{split}") == ["split", "stem", "split"]
    assert fill_fields("{split}/a_{stem}", {"split": "val", "stem": "{x}"}) == "val/a_{x}"


def test_templates_of_a_message_are_alternatives() -> None:
    templates = [Template.of(text, {}) for text in ("{stem}.png", "a/{stem}.jpg")]
    assert templates_text(templates) == "{stem}.png or a/{stem}.jpg"
