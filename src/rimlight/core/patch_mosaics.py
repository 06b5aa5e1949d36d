"""Square maps about cells put together to one map: each pixel is that of the nearest cell."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int64


@dataclass(slots=True, kw_only=True)
class MosaicBand:
    """Some rows of a mosaic, filled square by square in any order.

    first_row: its place in the mosaic. n_rows, n_columns: of the band.
    """

    first_row: int
    n_rows: int
    n_columns: int
    _values: Float32[np.ndarray, "rows columns"] = field(init=False)
    _far: Float32[np.ndarray, "rows columns"] = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.n_rows, self.n_columns)
        self._values = np.full(shape, np.nan, dtype=np.float32)
        self._far = np.full(shape, np.inf, dtype=np.float32)

    @property
    def values(self) -> Float32[np.ndarray, "rows columns"]:
        """What was added so far; nan where no square lies, and where the nearest one is nan."""
        return self._values

    def add(
        self,
        squares: Float32[np.ndarray, "n side side"],
        *,
        left: Int64[np.ndarray, " n"],
        top: Int64[np.ndarray, " n"],
    ) -> None:
        """Put squares where no nearer cell has its own; of two as near, the first one stays.

        Args:
            squares: A cell lies in the middle of each.
            left: Column of the mosaic where each square begins; it may lie outside.
            top: Row likewise.
        """
        side = squares.shape[1]
        along = np.arange(side) - (side - 1) / 2
        far = np.hypot(along[:, None], along[None, :]).astype(np.float32)
        above = top - self.first_row
        reached = np.flatnonzero((above > -side) & (above < self.n_rows))
        for n in reached.tolist():
            row, column = int(above[n]), int(left[n])
            rows = slice(max(row, 0), max(min(row + side, self.n_rows), 0))
            columns = slice(max(column, 0), max(min(column + side, self.n_columns), 0))
            cut = (
                slice(rows.start - row, rows.stop - row),
                slice(columns.start - column, columns.stop - column),
            )
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            is_nearer = far[cut] < self._far[rows, columns]
            self._values[rows, columns][is_nearer] = squares[n][cut][is_nearer]
            self._far[rows, columns][is_nearer] = far[cut][is_nearer]
