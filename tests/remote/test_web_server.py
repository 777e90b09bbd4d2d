import pytest
from helpers.s3_server import web_server

from reliseg.errors import DataError
from reliseg.remote.addresses import Address
from reliseg.remote.errors import AbsentError, FetchError
from reliseg.remote.folders import Roots
from reliseg.remote.stores import store_of

NAME = "100% a#?é.bin"


@pytest.fixture
def served(s3, tmp_path):
    folder = tmp_path / "served"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / NAME).write_bytes(bytes(range(250)))
    (folder / "data/list.txt").write_text(f"./{NAME}\n\nnone.bin\n")
    with web_server(folder) as server:
        yield server


@pytest.fixture
def root(served):
    address = Address.of(f"{served.url}/data")
    return Roots().open(address, f"{served.url}/data/list.txt")


def test_files_of_any_name_are_read_and_kept(served, root):
    file = root / NAME
    served.heal()
    assert file.read(1000) == file.read(1000) == bytes(range(250))
    assert [served.asked("HEAD"), served.asked("GET")] == [1, 1]
    assert file.state() == file.facts.state()
    assert str(file) == f"{served.url}/data/100%25%20a%23%3F%C3%A9.bin"


@pytest.mark.parametrize("fault", ["500", "503", "hang", "drop", "short", "slow"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_survives_each_fault_that_comes_once_or_twice(served, root, fault, times):
    served.fail(fault, times, path="100%")
    assert (root / NAME).read(1000) == bytes(range(250))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("500", "status 500; run again later"),
        ("hang", "no answer within 0.4 s"),
        ("drop", "the connection broke off; run again"),
        ("short", "the connection broke off; run again"),
    ],
)
def test_a_fault_that_stays_is_a_clear_error(served, root, fault, message):
    served.fail(fault, path="100%")
    with pytest.raises(FetchError, match=message):
        (root / NAME).read(1000)


def test_a_listed_file_that_is_not_there_is_said_so(served, root):
    with pytest.raises(AbsentError, match=r"none.bin: there is no such file; correct the address, or add the file"):
        (root / "none.bin").read(1000)


def test_a_file_without_a_version_is_read_again_by_the_next_process_and_has_no_state(s3, tmp_path):
    (tmp_path / "x.bin").write_bytes(b"content")
    (tmp_path / "list.txt").write_text("x.bin\n")
    with web_server(tmp_path, versions=False) as server:
        file = Roots().open(Address.of(server.url), str(tmp_path / "list.txt")) / "x.bin"
        assert file.read(1000) == b"content"
        with pytest.raises(FetchError, match="tells neither a version nor a time"):
            file.state()


def test_it_lists_nothing_and_takes_nothing(served):
    store = store_of(Address.of(served.url))
    for action in (lambda: store.files(""), lambda: store.write("x", b""), lambda: store.remove("x")):
        with pytest.raises(FetchError, match="a web server"):
            action()
    with pytest.raises(DataError, match="a web server does not list its files; set listing"):
        Roots().open(Address.of(served.url))
