"""How methods are written: `NAME` or `NAME(KEY=VALUE, ...)`, and one canonical way for each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.calibration import CALIBRATORS, calibrator, canonical_text, texts_of_seeds
from reliseg.calibration.methods.class_ts import ClassTemperature
from reliseg.calibration.methods.cluster_ts import ClusterTemperature
from reliseg.calibration.methods.ts import Temperature
from reliseg.errors import ConfigError


def refused(text):
    """The line that a user reads."""
    with pytest.raises(ConfigError) as caught:
        calibrator(text)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        canonical_text(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "method", "written"),
    [
        ("ts", Temperature(), "ts"),
        (" ts( ) ", Temperature(), "ts"),
        ("class_ts", ClassTemperature(), "class_ts"),
        ("class-ts", ClassTemperature(), "class_ts"),
        ("class_ts(shrinkage=0)", ClassTemperature(shrinkage=0), "class_ts(shrinkage=0)"),
        ("class-ts( shrinkage = 2.5 )", ClassTemperature(shrinkage=2.5), "class_ts(shrinkage=2.5)"),
        ("class_ts(shrinkage=5e2)", ClassTemperature(shrinkage=500), "class_ts(shrinkage=500)"),
        ("class_ts(shrinkage=1000)", ClassTemperature(), "class_ts"),
        ("cluster-ts(k=8, soft=false)", ClusterTemperature(), "cluster_ts"),
        ("cluster_ts(k=all)", ClusterTemperature(k="all"), "cluster_ts(k=all)"),
        ("cluster_ts(clusters=mixture)", ClusterTemperature(clusters="mixture"), "cluster_ts(clusters=mixture)"),
        ("cluster_ts(seeds=[43])", ClusterTemperature(seed=43), "cluster_ts(seed=43)"),
        ("cluster_ts(seed=42)", ClusterTemperature(), "cluster_ts(seed=42)"),
        ("cluster_ts(k=1,seed=42)", ClusterTemperature(k=1), "cluster_ts(k=1)"),
        ('cluster_ts(k="all")', ClusterTemperature(k="all"), "cluster_ts(k=all)"),
        (
            "cluster_ts(seed=43,per-class=TRUE,k=4,soft=true)",
            ClusterTemperature(k=4, soft=True, per_class=True, seed=43),
            "cluster_ts(k=4,soft=true,per_class=true,seed=43)",
        ),
    ],
)
def test_a_method_is_read_and_written_in_one_way(text, method, written):
    assert calibrator(text) == method
    assert canonical_text(text) == written
    assert calibrator(written) == method


spaces = st.sampled_from(["", " ", "  "])
amounts = st.integers(0, 10**7) | st.floats(0, 1e300)


@given(
    parameters=st.fixed_dictionaries(
        {},
        optional={
            "k": st.integers(1, 99) | st.just("all"),
            "clusters": st.just("kmeans"),
            "soft": st.booleans(),
            "per_class": st.booleans(),
            "shrinkage": amounts,
            "seed": st.integers(0, 2**32 - 1),
        },
    ),
    order=st.randoms(use_true_random=False),
    space=spaces,
    dash=st.sampled_from("-_"),
)
@settings(max_examples=100, deadline=None)
def test_the_canonical_text_means_the_same_and_is_its_own(parameters, order, space, dash):
    pairs = [f"{k.replace('_', dash)}{space}={space}{v}" for k, v in parameters.items()]
    order.shuffle(pairs)
    text = f"{space}cluster{dash}ts{space}({f'{space},{space}'.join(pairs)}){space}"
    once = canonical_text(text)
    assert calibrator(once) == calibrator(text) == ClusterTemperature(**parameters)
    assert canonical_text(once) == once
    assert not set(once) & set(' "')
    defaults = ClusterTemperature()
    for key in parameters.keys() - {"seed"}:
        assert (f"{key}=" in once) == (parameters[key] != getattr(defaults, key))
    luck = parameters.get("k") not in (1, "all")  # without a seed it is fitted with two
    assert ("seed=" in once) == ("seed" in parameters and (luck or parameters["seed"] != defaults.seed))
    assert texts_of_seeds(once) == texts_of_seeds(text)
    assert len(texts_of_seeds(text)) == 1 + (luck and "seed" not in parameters)


@pytest.mark.parametrize(
    ("text", "written", "each"),
    [
        ("cluster-ts", "cluster_ts", ("cluster_ts(seed=42)", "cluster_ts(seed=43)")),
        ("cluster_ts(seeds=[43, 42])", "cluster_ts", ("cluster_ts(seed=42)", "cluster_ts(seed=43)")),
        (
            "cluster_ts( seeds = [ 44,7 ] , k=4)",
            "cluster_ts(k=4,seeds=[7,44])",
            ("cluster_ts(k=4,seed=7)", "cluster_ts(k=4,seed=44)"),
        ),
        ("cluster_ts(k=1,seeds=[3,42])", "cluster_ts(k=1,seeds=[3,42])", ("cluster_ts(k=1,seed=3)", "cluster_ts(k=1)")),
        ("cluster_ts(seeds=[5])", "cluster_ts(seed=5)", ("cluster_ts(seed=5)",)),
        ("cluster_ts(seed=42)", "cluster_ts(seed=42)", ("cluster_ts(seed=42)",)),
        ("cluster_ts(k=all)", "cluster_ts(k=all)", ("cluster_ts(k=all)",)),
        ("ts", "ts", ("ts",)),
    ],
)
def test_several_seeds_are_several_calibrations(text, written, each):
    assert canonical_text(text) == canonical_text(written) == written
    assert texts_of_seeds(text) == texts_of_seeds(written) == each
    for one in each:
        assert canonical_text(one) == one
        assert texts_of_seeds(one) == (one,)
    if len(each) > 1 and "seeds" in text:
        with pytest.raises(ConfigError, match="several seeds give several calibrations"):
            calibrator(text)


@pytest.mark.parametrize("name", CALIBRATORS.names())
def test_a_method_with_a_seed_may_be_given_several_and_others_may_not(name):
    if hasattr(CALIBRATORS.get(name)(), "seed"):
        assert [calibrator(one).seed for one in texts_of_seeds(f"{name}(seeds=[5,3])")] == [3, 5]
    else:
        for function in (canonical_text, texts_of_seeds):
            with pytest.raises(ConfigError, match=rf"{name}\(seeds=\[1,2\]\): {name} has no seeds"):
                function(f"{name}(seeds=[1,2])")


@pytest.mark.parametrize("name", CALIBRATORS.names())
def test_every_method_is_canonical_by_its_name_alone(name):
    assert canonical_text(name) == canonical_text(f"{name}()") == canonical_text(name.replace("_", "-")) == name
    assert calibrator(name) == CALIBRATORS.get(name)()


def test_an_unknown_name_suggests_the_near_one():
    assert "did you mean 'cluster_ts'?" in refused("cluster_tz(k=3)")
    assert "known: " in refused("zzzzzz")


def test_an_unknown_parameter_suggests_the_near_one():
    assert "class_ts has no parameter 'shrinkag'; did you mean 'shrinkage'?" in refused("class_ts(shrinkag=3)")
    assert "known: none" in refused("\nidentity(k=3)")


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "()", "ts(", "ts)", "ts()x", "t s", "ts(()", "(k=1)", "ts()()", "cluster_ts k=1"),
        *("cluster_ts(k)", "cluster_ts(k=)", "cluster_ts(=1)", "cluster_ts(,)", "cluster_ts(k=1,)", "cluster_ts(,k=1)"),
        *("cluster_ts(seed=1,seeds=[2,3])", "cluster_ts(seeds=[1,2)", "cluster_ts(seeds=[1,2]],k=3)"),
        *("cluster_ts(k=1,k=2)", "cluster_ts(per-class=true,per_class=false)", "cluster_ts(k=1 soft=true)"),
    ],
)
def test_malformed_text_is_refused_in_one_line(text):
    refused(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((f"cluster_ts(k={v})", "k is") for v in ("-1", "0", "1.5", "2.0", "true", "null", "many", '"4"', "[]", "{}")),
        *((f"cluster_ts(soft={v})", "soft is") for v in ("maybe", "1", "0", "null", "yes", "1.0")),
        *((f"cluster_ts(per_class={v})", "per_class is") for v in ("some", "1")),
        *(
            (f"cluster_ts(seeds={v})", "seeds is")
            for v in ("[]", "[1,1]", "[true]", "[-1,2]", "[1.5]", "5", "x", "[[1]]")
        ),
        (f"cluster_ts(seeds=[1,{2**32}])", "seed is"),
        *((f"cluster_ts(clusters={v})", "clusters is") for v in ("means", "1", "[]")),
        ("cluster_ts(k=all,clusters=mixture)", "clusters is"),
        *((f"cluster_ts(seed={v})", "seed is") for v in ("-1", "1.5", "true", "x", 2**32, "9" * 5000)),
        *(
            (f"{name}(shrinkage={v})", "shrinkage is")
            for name in ("class_ts", "cluster_ts")
            for v in ("-1", "-0.5", "true", "null", "nan", "NaN", "inf", "Infinity", "1e999", "9" * 400, "off", "[1]")
        ),
    ],
    ids=lambda v: v[:40],
)
def test_a_parameter_of_a_bad_type_is_refused_before_anything_is_fitted(text, said):
    assert f"{said} " in refused(text)


@pytest.mark.parametrize("kind", [ClassTemperature, ClusterTemperature])
def test_the_classes_refuse_what_the_text_refuses(kind):
    with pytest.raises(ConfigError, match="shrinkage is -1; give a number of pixels from 0"):
        kind(shrinkage=-1)
