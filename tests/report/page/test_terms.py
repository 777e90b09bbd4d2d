from reliseg.report.page.terms import OF_CLASSES, SHOWN, terms


def test_every_number_of_the_page_has_a_title_and_a_definition_from_its_metric():
    for name, term in terms([*SHOWN, *OF_CLASSES]).items():
        assert term["title"] != name
        assert term["text"]


def test_a_number_of_an_unknown_metric_is_called_by_its_name():
    assert terms(["mine"])["mine"]["title"] == "mine"
