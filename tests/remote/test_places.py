from pathlib import Path

from reliseg.remote.addresses import Address
from reliseg.remote.folders import RemoteFolder
from reliseg.remote.places import root_from_text, root_name


def test_a_text_is_an_address_or_a_path():
    assert root_from_text("s3://bucket/a/") == Address("s3", "bucket", "a")
    assert root_from_text("data/camvid") == Path("data/camvid")


def test_a_root_has_one_name_whichever_way_leads_to_it(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert root_name(Path("link")) == root_name(tmp_path) == str(tmp_path.resolve())
    assert root_name(RemoteFolder(Address.of("s3://bucket/a/"), {})) == "s3://bucket/a"
