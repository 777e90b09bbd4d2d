"""Data sets, models and plans in memory: domains of nothing but names, and a model that predicts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.worlds import space
from reliseg.config.schema import parse_settings
from reliseg.data import DataSet, Domain, Sample
from reliseg.labels import LabelMap, LabelSpace
from reliseg.models import Input, Model, ModelOptions
from reliseg.plan.plan import Fit, Plan, Target
from reliseg.prediction import Prediction


@dataclass(frozen=True, eq=False)
class SilentModel(Model):
    """It is `named`, reads `stored` files, and predicts nothing."""

    named: str = "net"
    stored: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    labels: LabelSpace = field(default_factory=lambda: space(3))

    @classmethod
    def load(cls, options: ModelOptions) -> "SilentModel":
        return cls(options.name)

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        raise NotImplementedError

    def files(self, sample: str) -> tuple[Path, ...]:
        return self.stored.get(sample, ())

    def provenance(self) -> dict[str, Any]:
        return {"name": self.named}


def dataset_of(
    domains: Mapping[str, Sequence[str]],
    *,
    name: str = "world",
    root: Path = Path("nowhere"),
    classes: int = 3,
    unions: Mapping[str, tuple[str, ...]] | None = None,
    annotated: bool = True,
) -> DataSet:
    """Return a data set with samples of these ids (`SCENE/STEM`) in each domain, and unions of domains."""
    found = {}
    for domain, ids in domains.items():
        samples = [Sample(i, i.partition("/")[0], f"{i}.png", f"{i}_mask.png" if annotated else None) for i in ids]
        found[domain] = Domain(domain, tuple(samples), annotated=annotated)
    for domain, members in (unions or {}).items():
        samples = [s for member in members for s in found[member].samples]
        found[domain] = Domain(domain, tuple(sorted(set(samples))), union=members, annotated=annotated)
    return DataSet(name, root, space(classes), LabelMap.of({c: c for c in range(classes)}), found, {})


def target_of(dataset: DataSet, domain: str) -> Target:
    return Target(dataset, dataset.domains[domain])


def plan_of(
    dataset: DataSet,
    *,
    fits: Sequence[Fit] = (),
    tests: Sequence[str] = (),
    reference: str | None = None,
    **settings: Any,
) -> Plan:
    """Return a plan without models, with these tests and reference."""
    return Plan(
        (),
        tuple(fits),
        tuple(target_of(dataset, t) for t in tests),
        None if reference is None else target_of(dataset, reference),
        parse_settings(settings),
    )
