"""Arrays as columns of an Arrow table: one fixed-size list per row."""

import numpy as np
import pyarrow as pa


def matrix_column(values: np.ndarray) -> pa.FixedSizeListArray:
    """Rows of an array [N, ...] as one fixed-size list each."""
    width = int(np.prod(values.shape[1:]))
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), width)


def column_matrix(table: pa.Table, name: str) -> np.ndarray:
    """The inverse of `matrix_column`: [N, width]."""
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table.column(name).chunks]
    return np.concatenate(chunks).reshape(table.num_rows, -1)
