"""Which calibrations are measured together: those that a mean over seeds is made of, or one alone."""

from collections.abc import Iterator

from reliseg.plan.plan import Plan, Reported


def measured_together(plan: Plan, model: str) -> Iterator[tuple[Reported, tuple[str, ...]]]:
    """Yield what has rows under some calibrations of a model, calibration by calibration: so that what is compared with
    the reference stands side by side.
    """
    orders = {reported: plan.calibrations_for(reported, model) for reported in plan.reported()}
    for names in _groups(plan, model, list(dict.fromkeys(name for order in orders.values() for name in order))):
        for reported, order in orders.items():
            found = tuple(name for name in order if name in names)
            if found:
                yield reported, found


def _groups(plan: Plan, model: str, every: list[str]) -> list[set[str]]:
    """Return the calibrations of all domains in groups."""
    groups: list[set[str]] = [{name} for name in every]
    for parts in (parts for reported in plan.reported() for parts in plan.means_for(reported, model).values()):
        joined = [group for group in groups if group & set(parts)]
        groups = [group for group in groups if group not in joined]
        groups.append(set().union(*joined))
    return groups
