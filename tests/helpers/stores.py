"""Runs' folders with pieces of statistics that nothing has computed: of an image with one pixel."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from reliseg.kernels.reference import observe
from reliseg.run.folder import RunFolder
from reliseg.run.hashes import InputHashes
from reliseg.run.store.piece_files import Observed, PieceHead
from reliseg.run.store.store import Place, Store, place_of
from reliseg.stats import Layout, SampleTable
from reliseg.stats.view import LogitView

LAYOUT = Layout(classes=1, scores=("msp",))
PARTS = {"model": "weights", "batch": "1", "label map": "map", "projection": "projection"}


@cache
def observed(ids: tuple[str, ...]) -> Observed:
    view = LogitView(np.zeros((1, 1, 1), np.float32), (1, 1), False, np.zeros(1, np.int64), np.ones(2))
    each = [observe(view, np.zeros((1, 1), np.uint8), i, LAYOUT) for i in ids]
    pixels = each[0][0]
    for more, _ in each[1:]:
        pixels = pixels + more
    return Observed(pixels, SampleTable.union([table for _, table in each]))


def add_piece(
    run: Path,
    ids: Sequence[str] = ("s/1",),
    *,
    model: str = "net",
    domain: str = "street/day",
    hashes: Mapping[str, str] | None = None,
    predictions: Mapping[str, str] | None = None,
    processor: str = "x86_64",
    parts: Mapping[str, str] | None = None,
) -> tuple[Place, Path]:
    """Write a piece into the folder of a run; return its place and its file."""
    folder = RunFolder(run)
    run.mkdir(parents=True, exist_ok=True)
    if not folder.config.exists():
        folder.config.write_text("seed: 0\n")
    mine = PARTS | dict(parts or {})
    head = PieceHead(
        hashes=dict.fromkeys(ids, "0" * 64) | dict(hashes or {}),
        predictions=dict(predictions or {}),
        parts=mine,
        calibration="identity",
        made={"processor": processor, "model": f"a {processor}"},
        named={"model": model, "domain": domain, "calibration": "identity"},
    )
    place = place_of(mine, "identity", ids)
    return place, Store(folder.statistics, InputHashes()).save(place, head, observed(tuple(ids))).path


def files_of(run: Path) -> dict[str, bytes]:
    """The files of a run's folder that merging may change, by their path."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in (".lock", "inputs.sqlite") and path.parent.name != "status"
    }
