"""What fits read together is the least that holds what each of them reads."""

from helpers.plans import dataset_of, plan_of, target_of
from hypothesis import given
from hypothesis import strategies as st

from reliseg.plan.plan import Fit
from reliseg.run.fit.requests import SampleRequest, request_of_all_fits, request_of_fit

wants = st.builds(SampleRequest, st.integers(1, 9), st.dictionaries(st.sampled_from("abcd"), st.booleans()))


@given(one=wants, other=wants, third=wants)
def test_wants_add_up_in_any_order_to_the_least_that_holds_them_all(one, other, third):
    assert one | other == other | one
    assert (one | other) | third == one | (other | third)
    assert one | one == one
    assert one.within(one | other)
    assert one.within(other) == ((one | other) == other)
    assert (one | other).part("ab") == one.part("ab") | other.part("ab")


def test_methods_that_train_on_images_read_whole_ones_and_the_cap_divides_the_quota():
    dataset = dataset_of({"cal": [f"s/{i}" for i in range(5)], "more": ["t/1", "t/2"]})
    cal, more = (target_of(dataset, name) for name in ("cal", "more"))
    fits = [Fit((cal,), ("ts",)), Fit((cal, more), ("ts", "lts(inputs=logits)")), Fit((more,), ("lts",))]
    plan = plan_of(dataset, fits=fits, sample={"per_image": 100, "cap": 350})
    alone = [request_of_fit(fit, plan.settings) for fit in fits]
    assert [request[cal].quota for request in alone[:2]] == [70, 50]
    assert alone[0][cal].whole == {}
    assert alone[1][more].whole == {"t/1": False, "t/2": False}
    assert alone[2][more].whole == {"t/1": True, "t/2": True}
    every = request_of_all_fits(fits, plan.settings)
    assert (every[cal].quota, every[more].quota) == (70, 100)
    assert all(request.within(every[target]) for requests in alone for target, request in requests.items())
