"""Reads HDF5 in a process of its own: some damaged files bring the library down together with its process.

Usage: python hdf5_process.py FILE                  the datasets at the top, as JSON
       python hdf5_process.py FILE DATASET STEP     its numbers, STEP rows at a time, as bytes of this machine's order

What cannot be read is one line on stderr and exit code 3.
"""

import json
import sys
from typing import Any

import h5py
import numpy as np


def described(file: h5py.File) -> dict[str, dict[str, Any]]:
    """Every dataset that lies in this very file, by name: links to other files are not followed."""
    names = [str(name) for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
    return {name: _described(file[name]) for name in names if file.get(name, getclass=True) is h5py.Dataset}


def _described(data: Any) -> dict[str, Any]:  # noqa: ANN401 (h5py has no types)
    kind = data.attrs.get("MATLAB_class")
    return {
        "shape": list(data.shape or ()),
        "dtype": "O" if data.dtype.hasobject or data.dtype.subdtype else data.dtype.newbyteorder("=").str,
        "matlab": kind.decode("latin-1")
        if isinstance(kind, bytes)
        else kind
        if isinstance(kind, str)
        else None,
        "elsewhere": bool(data.is_virtual or data.external),
        # MATLAB stores the size of an empty array in its place.
        "empty": data.shape is None or "MATLAB_empty" in data.attrs or data.id.get_storage_size() == 0,
    }


def send(data: Any, step: int) -> None:  # noqa: ANN401
    """Write a dataset's rows to stdout."""
    for start in range(0, data.shape[0], step):
        rows = np.asarray(data[start : start + step])
        sys.stdout.buffer.write(np.ascontiguousarray(rows, rows.dtype.newbyteorder("=")).tobytes())


def main() -> None:
    """Entry point."""
    path, *rest = sys.argv[1:]
    try:
        with h5py.File(path, "r") as file:
            if rest:
                send(file[rest[0]], int(rest[1]))
            else:
                sys.stdout.write(json.dumps(described(file)))
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, MemoryError, ArithmeticError) as error:
        sys.stderr.write(" ".join(str(error).split())[:100] or type(error).__name__)
        sys.exit(3)


if __name__ == "__main__":
    main()
