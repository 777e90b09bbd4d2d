from reliseg.remote.facts import Facts

MD5 = "0123456789abcdef0123456789abcdef"


def test_an_etag_is_an_md5_where_it_looks_like_one():
    assert Facts.of_tag(3, f'"{MD5}"', 7).md5 == MD5
    assert Facts.of_tag(3, f'"{MD5}-2"', 7).md5 == ""


def test_the_state_changes_with_size_version_and_without_a_version_with_time():
    states = [Facts(1, "a", 5), Facts(2, "a", 5), Facts(1, "b", 5), Facts(1, "", 5), Facts(1, "", 6)]
    assert len({facts.state() for facts in states}) == 5
    assert Facts(1, "a", 5).state() == Facts(1, "a", 6).state()
    assert [int(part) for part in Facts(1, "", 6).state().split(",")[:3]] == [1, 6, 6]


def test_facts_without_version_and_time_tell_no_changes():
    assert not Facts(3).tells_changes
    assert Facts(3, "v").tells_changes
    assert Facts(3, "", 9).tells_changes
