"""What a run gives to its readers: tables, and the files beside them."""

from reliseg.results.csv_text import csv_line, csv_numbers, csv_texts, read_csv
from reliseg.results.images import ImageRow, ImageTable
from reliseg.results.rows import COLUMNS, NAN, Origin, Row, Value
from reliseg.results.table import Results, read_provenance

__all__ = [
    "COLUMNS",
    "NAN",
    "ImageRow",
    "ImageTable",
    "Origin",
    "Results",
    "Row",
    "Value",
    "csv_line",
    "csv_numbers",
    "csv_texts",
    "read_csv",
    "read_provenance",
]
