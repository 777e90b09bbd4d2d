"""What is measured together: each domain under each calibration once, and seeds of one method side by side."""

from helpers.plans import dataset_of, plan_of, target_of

from reliseg.plan.plan import Fit, Plan
from reliseg.plan.together import measured_together


def plan_with(*methods: str) -> Plan:
    dataset = dataset_of({"cal": ["c/1"], "day": ["d/1"], "dusk": ["e/1"]})
    return plan_of(dataset, fits=[Fit((target_of(dataset, "cal"),), methods)], tests=["day", "dusk"])


def found(plan: Plan) -> list[tuple[str, tuple[str, ...]]]:
    return [(str(reported), names) for reported, names in measured_together(plan, "net")]


def test_all_domains_of_a_calibration_stand_side_by_side():
    assert found(plan_with("ts", "vector")) == [
        (f"world/{domain}", (name,))
        for name in ("identity", "ts@world/cal", "vector@world/cal")
        for domain in ("day", "dusk")
    ]


def test_what_a_mean_is_made_of_is_measured_together():
    plan = plan_with("ts", "lts(seeds=[0,1,2])")
    one, other = [names for domain, names in found(plan) if len(names) > 1]
    assert one == other == tuple(f"lts(seed={seed})@world/cal" for seed in range(3))
    every = [(domain, name) for domain, names in found(plan) for name in names]
    assert len(every) == len(set(every)) == 2 * 5
