"""The fine histograms of scores in stored pieces, added up."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reliseg.run.store.piece_files import UNREADABLE, lost_piece_error, open_piece
from reliseg.stats.filled.bins import FilledBins, FilledHistograms
from reliseg.stats.pixels import ScoreHistogram


@dataclass(frozen=True, eq=False)
class StoredScoreHistograms(FilledHistograms):
    """The fine histograms of one calibration over some pieces, by score, added up when they are first asked for.

    They are most of what a domain's statistics hold: metrics look at one score after the other, and of the others only
    the filled bins are in memory.
    """

    pieces: Mapping[str, Sequence[Path]]
    """Those that add up to all samples, by score."""
    _sums: dict[str, FilledBins] = field(default_factory=dict, init=False)

    def filled(self, score: str) -> FilledBins:
        """Return the sum over all pieces; a FileNotFoundError that names one that is gone or broken."""
        if score not in self._sums:
            self._read([score])
        return self._sums[score]

    def read_all(self) -> None:
        """Add up all of them now, each piece opened once."""
        self._read([score for score in self.pieces if score not in self._sums])

    def _read(self, scores: Collection[str]) -> None:
        from reliseg.stats.filled.sparse import filled_columns  # numba is slow to import

        totals = {score: ScoreHistogram.zero_of(score).counts for score in scores}
        paths = dict.fromkeys(path for score in scores for path in self.pieces[score])
        for path in paths:
            of_piece = {score: total for score, total in totals.items() if path in self.pieces[score]}
            try:
                _add(path, of_piece)
            except UNREADABLE as error:
                raise lost_piece_error(path) from error
        for score, total in totals.items():
            self._sums[score] = FilledBins(*filled_columns(total), total.shape[1]).narrowed()

    def __iter__(self) -> Iterator[str]:
        return iter(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)


def _add(path: Path, totals: Mapping[str, np.ndarray]) -> None:
    """Add the histograms of a piece to those of all; a ValueError where they are none of these scores."""
    with open_piece(path) as piece:
        for score, total in totals.items():
            name = f"ranks.{score}.counts"
            if piece.shapes[name] != total.shape or piece.add_to(total, name) < 0:
                raise ValueError("another histogram")
