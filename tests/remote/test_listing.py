import pytest
from helpers.s3_server import put

from reliseg.errors import DataError
from reliseg.remote.listing import listed_names


def test_a_list_holds_one_path_a_line_as_find_writes_it(tmp_path):
    (tmp_path / "l.txt").write_bytes("./a/b.png\r\n\nc d.png\na/b.png\n é.png".encode())
    assert listed_names("l.txt", tmp_path) == ["a/b.png", "c d.png", "é.png"]


@pytest.mark.parametrize("line", ["/etc/passwd", "a//b", "../a", "a/./b", "https://host/a.png"])
def test_what_is_no_path_below_the_root_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "l.txt").write_text(f"good.png\n{line}\n")
    with pytest.raises(DataError, match=r"listing l.txt: line 2: .* is no path below the root; write FOLDER/NAME"):
        listed_names("l.txt", tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "it lists no file"), (b"\xff\xfe\x00", "is not UTF"), (b"a\x00", "has no place")]
)
def test_a_file_that_is_no_list_is_refused(tmp_path, content, problem):
    (tmp_path / "l.txt").write_bytes(content)
    with pytest.raises(DataError, match=f"listing l.txt: .*{problem}"):
        listed_names("l.txt", tmp_path)


def test_a_list_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(DataError, match=r"listing none.txt: cannot be read .no such file"):
        listed_names("none.txt", tmp_path)


def test_a_list_may_lie_in_a_store(s3, tmp_path):
    put(s3, "lists", {"l.txt": b"a.png\nb.png\n"})
    assert listed_names("s3://lists/l.txt", tmp_path) == ["a.png", "b.png"]
    with pytest.raises(DataError, match=r"listing s3://lists/none.txt: there is no such file"):
        listed_names("s3://lists/none.txt", tmp_path)
