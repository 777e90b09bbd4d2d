"""Titles of axes."""

from reliseg.report.charts.wording import better_direction, metric_title, score_title


def test_a_title_says_the_unit_the_score_and_which_way_is_better():
    assert metric_title("nll") == "NLL (nats), lower is better"
    assert metric_title("prr", "margin") == "PRR (%) by margin, higher is better"
    assert metric_title("of_another_package") == "of_another_package"
    assert (better_direction("ece"), better_direction("of_another_package")) == ("lower", "neither")
    assert score_title("neg_entropy") == "negative entropy (nats)"
