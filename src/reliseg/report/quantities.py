"""What is known of a metric by its name: its range, and which way is better."""

from collections.abc import Mapping
from functools import cache

from reliseg.errors import ConfigError
from reliseg.metrics import METRICS, Quantity


@cache
def known_quantities() -> Mapping[str, Quantity]:
    """Return the meaning of each number that a family of metrics gives, by its name in results."""
    families = [METRICS.get(name)() for name in METRICS.names() if name not in METRICS.faults]
    return {name: quantity for family in families for name, quantity in family.quantities().items()}


def sign_of_worse(metric: str) -> int:
    """Return 1 if larger is worse, -1 if smaller is; a ConfigError where neither is so, or the metric is not known."""
    quantity = known_quantities().get(metric)
    if quantity is None:
        raise ConfigError(f"{metric}: no installed package has this metric, so which way is worse is not known here")
    if quantity.better == "neither":
        raise ConfigError(f"{metric}: neither a larger nor a smaller value is worse; use another metric")
    return 1 if quantity.better == "lower" else -1
