import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.runtime.file_names import (
    distinct_names,
    escaped_name,
    existing_forms,
    name_bytes,
    name_problem,
    normal_name,
    plain_name_problem,
)

LATIN = os.fsdecode(b"caf\xe9")


def test_the_forms_of_one_name_are_equal_and_escaped_they_differ():
    forms = ("caf\u00e9", "cafe\u0301", LATIN)
    assert {normal_name(form) for form in forms} == {"caf\u00e9"}
    assert [escaped_name(form) for form in forms] == ["caf\\u00e9", "cafe\\u0301", "caf\\xe9"]


def test_a_file_is_found_in_whatever_form_its_name_is_stored(tmp_path):
    assert existing_forms(tmp_path, "caf\u00e9") == ()
    for name, form in {"caf\u00e9": "cafe\u0301", "\u00e9t\u00e9": os.fsdecode(b"\xe9t\xe9"), "plain": "plain"}.items():
        (tmp_path / form).touch()
        assert existing_forms(tmp_path, name) == (form,)
    (tmp_path / "caf\u00e9").touch()
    assert existing_forms(tmp_path, "caf\u00e9") == ("caf\u00e9", "cafe\u0301")
    assert existing_forms(tmp_path, "\u8857") == existing_forms(tmp_path, "x" * 300) == ()
    assert existing_forms(tmp_path, "caf\u00c3\u00a9") == ()  # whose bytes in Latin-1 are another name in UTF-8


def test_each_part_of_a_path_has_a_form_of_its_own(tmp_path):
    places = ("caf\u00e9/e\u0301te\u0301", "cafe\u0301/\u00e9t\u00e9", os.fsdecode(b"caf\xe9/x"), "plain/e\u0301")
    for place in places:
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).touch()
    assert existing_forms(tmp_path, "caf\u00e9/\u00e9t\u00e9") == places[:2]
    assert existing_forms(tmp_path, "caf\u00e9/x") == places[2:3]
    assert existing_forms(tmp_path, "plain/\u00e9") == places[3:]
    assert existing_forms(tmp_path, "caf\u00e9/\u00e9") == existing_forms(tmp_path, "\u00e9/x") == ()


def test_a_file_system_that_tells_no_forms_apart_has_one_file(tmp_path):
    (tmp_path / "caf\u00e9").touch()
    os.link(tmp_path / "caf\u00e9", tmp_path / "cafe\u0301")  # as lstat shows it there
    assert existing_forms(tmp_path, "caf\u00e9") == ("caf\u00e9",)


def test_two_names_are_escaped_only_where_they_look_the_same():
    assert distinct_names("caf\u00e9", "cafe\u0301") == ("caf\\u00e9", "cafe\\u0301")
    assert distinct_names("caf\u00e9", "b\u00e4r") == ("caf\u00e9", "b\u00e4r")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        (".", "leads to another folder"),
        ("..", "leads to another folder"),
        ("a/b", "holds /, which separates folders"),
        ("a\\b", "holds \\, which separates folders"),
        ("a\0", "holds \\u0000, which cannot be printed"),
        ("a\n", "holds \\u000a, which cannot be printed"),
        ("\x1b[31m", "holds \\u001b, which cannot be printed"),
        ("\x9b31m", "holds \\u009b, which cannot be printed"),
        ("a\u2028b", "holds \\u2028, which cannot be printed"),
        (LATIN, "holds \\xe9, which cannot be printed"),
        ("\ud800", "holds \\ud800, which cannot be printed"),
        ("\u00e9" * 128, "has 256 bytes, and the limit is 255"),
    ],
)
def test_unfit_names(name, problem):
    assert name_problem(name) == problem


@pytest.mark.parametrize("name", ["a", "...", "..a", "-", "~", " ", "=cmd", "x" * 255, "\u00e9" * 127, "\U0001f600"])
def test_fit_names(name):
    assert name_problem(name) is None
    assert name_problem(name, name_bytes(name)) is None
    assert name_problem(name, name_bytes(name) - 1)


@given(st.text(st.characters()))
def test_any_name_has_a_normal_form_and_one_of_printable_ascii(name):
    assert normal_name(normal_name(name)) == normal_name(name)
    assert all(" " <= c <= "~" for c in escaped_name(name))
    assert ("/" in normal_name(name)) == ("/" in name)


@given(st.text(st.characters()))
def test_a_fit_name_stays_in_its_folder(name):
    if name_problem(name) is None:
        assert os.path.normpath(f"/run/{name}/x") == f"/run/{name}/x"
        assert name_bytes(name) <= 255


@pytest.mark.parametrize("name", ["a", "A1", "_x", "a.b", "+1", "-x", "1_0", "0016E5", "ü", "n" * 255])
def test_a_plain_name_is_fit_for_models_data_sets_and_domains(name):
    assert plain_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        *((n, "is not a plain name; ") for n in ("", ".", "..", ".a", "a b", "a/b", "a\\b", "a:b", "=a", "@a", "a\n")),
        ("n" * 256, "has 256 bytes, and the limit is 255"),
        ("ü" * 128, "has 256 bytes, and the limit is 255"),
    ],
)
def test_what_is_no_plain_name_is_said(name, problem):
    assert str(plain_name_problem(name)).startswith(problem)
