"""The tables of a run as Parquet, beside those of text: where somebody asks for them."""

from pathlib import Path

from reliseg.results.images import ImageTable
from reliseg.results.table import Results

_RESULTS, _IMAGES = "results.parquet", "images.parquet"
PARQUET_FILES = (_RESULTS, _IMAGES)


def write_parquet_tables(folder: Path) -> list[Path]:
    """Write the tables of a run's folder as Parquet beside them, and return the files."""
    Results.read(folder).write_parquet(folder / _RESULTS)
    ImageTable.read(folder).write_parquet(folder / _IMAGES)
    return [folder / name for name in PARQUET_FILES]
