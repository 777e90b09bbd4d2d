"""Models at work in a folder, apart from whole runs; and the pieces that a run has stored."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from reliseg.config.schema import read_config, render_config
from reliseg.data import DataSet, sample_sha256
from reliseg.models import Model
from reliseg.plan.build import plan_from_config
from reliseg.plan.plan import ModelSource, Plan
from reliseg.run.context import ModelRun, RunContext
from reliseg.run.evaluate.coverage import Coverage
from reliseg.run.execute import Run
from reliseg.run.folder import RunFolder
from reliseg.run.store.piece_files import Observed, PieceHead, StoredHead, verify_piece
from reliseg.stats import PixelStatistics, SampleTable


def model_run(folder: Path, plan: Plan, model: Model, name: str = "net", **context: object) -> ModelRun:
    """Return a run of a model that is in memory."""
    where = RunContext(RunFolder(folder), **context)  # type: ignore[arg-type]
    return ModelRun(where, plan, where.handle(ModelSource(name, lambda: model), model))


def run_of(config: Path, out: Path, **options: object) -> Run:
    """Return the run that a configuration file asks for."""
    checked = read_config(config)
    plan, text = plan_from_config(checked, config.parent), render_config(checked, config.parent)
    return Run(plan, out, text, **options)  # type: ignore[arg-type]


def piece_files(out: Path, *, model: str = "", domain: str = "", calibration: str = "") -> dict[Path, StoredHead]:
    """Return the pieces of a run that were stored under these names; all where none is given."""
    wanted = {"model": model, "domain": domain, "calibration": calibration}
    found = {}
    for path in sorted((out / "statistics").glob("??/*/*.zip")):
        stored = verify_piece(path)
        assert stored is not None, f"{path} is not whole"
        if all(stored.head.named[key] == name for key, name in wanted.items() if name):
            found[path] = stored
    return found


def store_piece(
    coverage: Coverage, observed: tuple[PixelStatistics, SampleTable], hashes: Mapping[str, str], calibration: str
) -> Path:
    """Store statistics of samples of one shard, as a pass over the images would."""
    (shard,) = [s for s in coverage.shards if set(hashes) <= {sample.id for sample in s.samples}]
    head = PieceHead(
        hashes=dict(hashes),
        predictions={},
        parts=coverage.parts,
        calibration=coverage.identities[calibration],
        codes={name: code for name, code in coverage.codes.items() if name in observed[0].ranks},
        made={"processor": "p"},
        named=coverage.named(calibration),
    )
    return coverage.run.context.store.save(coverage.place(shard, calibration), head, Observed(*observed)).path


def write_files(dataset: DataSet) -> dict[str, str]:
    """Write an image and a mask of each sample of a data set in memory; return their hashes."""
    hashes = {}
    for sample in dict.fromkeys(s for domain in dataset.domains.values() for s in domain.samples):
        for name in filter(None, (sample.image, sample.mask)):
            path = dataset.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((2, 3), len(hashes), np.uint8)).save(path)
        hashes[sample.id] = sample_sha256(dataset, sample)[0]
    return hashes
