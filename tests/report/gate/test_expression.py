"""Conditions are read as they are meant, and whatever else is written is refused where it goes wrong."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.errors import ConfigError
from reliseg.report.gate.expression import KEYS, Condition, Quantity, parse_condition


def quantity(metric: str, **parts: str) -> Quantity:
    return Quantity(metric, tuple(parts.items()))


READ = {
    "ece > 0.05": (quantity("ece"), False, ">", 0.05),
    "ece>=.5": (quantity("ece"), False, ">=", 0.5),
    "  ece ( )  <  -1e-3  ": (quantity("ece"), False, "<", -1e-3),
    "miou(model=dabnet, domain=camvid/dusk) <= 0.5": (
        quantity("miou", model="dabnet", domain="camvid/dusk"),
        False,
        "<=",
        0.5,
    ),
    "worse(ece(domain=camvid/dusk)) > 0.01": (quantity("ece", domain="camvid/dusk"), True, ">", 0.01),
    "worse ( ece ) > +2.": (quantity("ece"), True, ">", 2.0),
    "ece(calibration=cluster_ts(k=2,seed=42)@camvid/cal,score=msp) > 1": (
        quantity("ece", calibration="cluster_ts(k=2,seed=42)@camvid/cal", score="msp"),
        False,
        ">",
        1.0,
    ),
    """iou(class="traffic light", model='a, (b') < 1""": (
        Quantity("iou", (("class", "traffic light"), ("model", "a, (b"))),
        False,
        "<",
        1.0,
    ),
    r"""iou(class="say \"no\" \\ \'so") < 1""": (Quantity("iou", (("class", 'say "no" \\ \'so'),)), False, "<", 1.0),
    'iou(class="") < 1': (Quantity("iou", (("class", ""),)), False, "<", 1.0),
    "ece(model=a=b) > 1": (quantity("ece", model="a=b"), False, ">", 1.0),
    '"worse"(model=net) > 1': (quantity("worse", model="net"), False, ">", 1.0),
    '"two words" > 1': (quantity("two words"), False, ">", 1.0),
}


@pytest.mark.parametrize("text", READ)
def test_a_condition_says_which_numbers_and_which_limit(text):
    assert parse_condition(text) == Condition(text, *READ[text])


@given(st.sampled_from(KEYS), st.text(max_size=30), st.sampled_from(["'", '"']))
def test_any_name_can_be_written_in_quotes(key, name, quote):
    written = name.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    assert parse_condition(f"m({key}={quote}{written}{quote}) > 0").quantity.parts == ((key, name),)


REFUSED = {
    "": "character 1, at the end: expected a metric, like ece",
    " > 1": "character 2, before '> 1': expected a metric, like ece",
    "ece": "character 4, at the end: expected a comparison: >, >=, < or <=",
    "ece == 1": "character 5, before '== 1': expected a comparison: >, >=, < or <=",
    "ece => 1": "character 5, before '=> 1': expected a comparison",
    "ece ≥ 1": "character 5, before '≥ 1': expected a comparison",
    "ece >": "character 6, at the end: expected a finite number",
    "ece > 5%": "character 7, before '5%': expected a finite number, like 0.05 or 5e-2; shares are written as in the",
    "ece > nan": "character 7, before 'nan': expected a finite number",
    "ece > 1e999": "character 7, before '1e999': expected a finite number",
    "ece > 1_0": "character 7, before '1_0': expected a finite number",
    "ece > ١": "character 7, before '١': expected a finite number",
    "ece > 1 and 2": "character 9, before 'and 2': there is more after the limit; give --fail-if once for each",
    "ece(modle=x) > 1": "character 5, before 'modle=x) > 1': no part is called 'modle'; did you mean 'model'? known: ",
    "ece(,) > 1": "character 5, before ',) > 1': expected a part, like model=NAME; known: calibration, class, ",
    "ece(model=a,) > 1": "character 13, before ') > 1': expected a part, like model=NAME; known: ",
    "ece(model) > 1": "character 10, before ') > 1': write model=NAME",
    "ece(model=) > 1": "character 11, before ') > 1': expected a model; a name with spaces",
    "ece(model=a, model=b) > 1": "character 14, before 'model=b) > 1': model is given twice",
    "ece(model=my net) > 1": "character 14, before 'net) > 1': expected a comma or the closing bracket; a name with",
    "ece(model='a) > 1": 'character 11, before "\'a) > 1": this quote is not closed',
    "ece(model='a\\": 'character 11, before "\'a\\\\": this quote is not closed',
    "ece(model=a'b') > 1": "character 12, before \"'b') > 1\": expected a comma",
    "ece(model=a(b > 1": "character 11, before 'a(b > 1': this name opens a bracket and does not close it",
    "ece(model=a": "character 12, at the end: expected a comma or the closing bracket",
    "worse > 1": "character 7, before '> 1': worse takes a metric in brackets, like worse(ece)",
    "worse(ece > 1": "character 11, before '> 1': the bracket of worse( is not closed",
    "worse(worse(ece)) > 1": "character 13, before 'ece)) > 1': no part is called 'ece'",
    "__import__('os').system('x') > 1": "character 12, before \"'os').system('x') ..\": no part",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place(text):
    with pytest.raises(ConfigError, match=re.escape(REFUSED[text])) as refused:
        parse_condition(text)
    assert str(refused.value).startswith(f"--fail-if {text!r}: character ")
    assert "\n" not in str(refused.value)


@given(st.text(alphabet="ew(),='\"\\ <>.5mo\n", max_size=40))
def test_any_text_is_a_condition_or_a_configuration_error(text):
    with suppress(ConfigError):
        assert parse_condition(text).text == text
