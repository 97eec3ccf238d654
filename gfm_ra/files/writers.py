"""Arrays written in parts, all or nothing: a temporary file beside the output takes its name when all is written."""

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.extras import needed
from gfm_ra.files.paths import check_output

Write = Callable[[np.ndarray], None]


@contextmanager
def writing(path: Path, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Write]:
    """A function that takes rows [n, *shape[1:]] of an array, in order; the file appears when all have come.

    `name` is that of array, field or column, where the format has names. An error leaves the old file, if there is one.

    Raises:
        InputError: the ending is unknown, or a package that it needs is missing.
        ValueError: fewer or more rows came than the shape says.
    """
    _check_ending(path)
    target = path.resolve()  # what a link points to is replaced, not the link
    ending = path.suffix.lower()
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{ending}")
    count = 0
    with ExitStack() as cleanup:
        cleanup.callback(partial.unlink, missing_ok=True)
        layers = cleanup.enter_context(ExitStack())
        with _naming(path):
            file = layers.enter_context(partial.open("x+b"))
            write = layers.enter_context(_FORMATS[ending](file, shape, np.dtype(dtype), name))

        def counted(rows: np.ndarray) -> None:
            nonlocal count
            count += len(rows)
            with _naming(path):
                write(np.ascontiguousarray(rows, dtype))

        yield counted
        if count != shape[0]:
            raise ValueError(f"{path}: {count} of {shape[0]} rows came")
        with _naming(path):
            layers.close()
            os.replace(partial, target)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors of the disk name the output: a full one does not say where."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def write_array(path: Path, values: np.ndarray, name: str) -> None:
    """Write powers [K] or [B, K], or gains [B, K, K], at once.

    Raises:
        InputError: the ending is unknown, or a package that it needs is missing.
    """
    with writing(path, values.shape, values.dtype, name) as write:
        write(values)


def check_writable(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check before any work that a result can be written to `path` and is none of the inputs.

    Raises:
        InputError: the ending is unknown, what it needs is not installed, the folder is missing, something else than a
            file lies there, or it is one of the inputs, through whatever link or spelling.
    """
    _check_ending(path)
    check_output(path, inputs)


def _check_ending(path: Path) -> None:
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise InputError(f"{path} must end in {', '.join(_FORMATS)}: name the result so")
    if ending in _NEEDS:
        needed(_NEEDS[ending], path)


@contextmanager
def _npy(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype, _: str) -> Iterator[Write]:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    yield lambda rows: _put(file, rows)


def _put(file: IO[bytes], rows: np.ndarray) -> None:
    file.write(rows.tobytes())


@contextmanager
def _npz(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Write]:
    with (
        zipfile.ZipFile(file, "w") as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
        _npy(member, shape, dtype, name) as write,
    ):
        yield write


def _text(separator: str) -> Callable[..., AbstractContextManager[Write]]:
    @contextmanager
    def table(file: BinaryIO, *_: object) -> Iterator[Write]:
        def write(rows: np.ndarray) -> None:
            for matrix in rows if rows.ndim > 2 else [np.atleast_2d(rows)]:
                for line in matrix.tolist():
                    file.write((separator.join(map(_number, line)) + "\n").encode())
                # Whose rows are K * K numbers would else be read in two ways.
                file.write(b"\n" * (rows.ndim > 2))

        yield write

    return table


def _number(value: float) -> str:
    """Seven digits, and always a point: `1,0` may be read as one number."""
    word = f"{value:.7g}"
    return word if not word.lstrip("-").isdigit() else f"{word}.0"


@contextmanager
def _json(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Write]:
    file.write(f"{{{json.dumps(name)}: [".encode())
    behind = b"\n"

    def write(rows: np.ndarray) -> None:
        nonlocal behind
        for row in rows.tolist():
            file.write(behind + json.dumps(_rounded(row)).encode())
            behind = b",\n"

    yield write
    file.write(b"\n]}\n")


def _rounded(value: float | list) -> float | list | None:
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return None if value != value else float(f"{value:.9g}")


@contextmanager
def _parquet(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gfm_ra.files.columns import matrix_column

    width = int(np.prod(shape[1:] if len(shape) > 1 else shape))
    schema = pa.schema([(name, pa.list_(pa.from_numpy_dtype(dtype), width))])
    with pq.ParquetWriter(file, schema) as writer:

        def write(rows: np.ndarray) -> None:
            values = rows if len(shape) > 1 else rows[None]
            writer.write_table(pa.table({name: matrix_column(values)}, schema))

        yield write


@contextmanager
def _mat(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Write]:
    from scipy.io import savemat

    rows: list[np.ndarray] = []
    yield rows.append
    savemat(file, {name: np.concatenate(rows)}, do_compression=True, oned_as="row")


@contextmanager
def _hdf5(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Write]:
    import h5py

    start = 0
    with h5py.File(file, "w") as out:
        data = out.create_dataset(name, shape, dtype)

        def write(rows: np.ndarray) -> None:
            nonlocal start
            data[start : start + len(rows)] = rows
            start += len(rows)

        yield write


_FORMATS: dict[str, Callable[[BinaryIO, tuple[int, ...], np.dtype, str], AbstractContextManager[Write]]] = {
    ".npy": _npy, ".npz": _npz, ".csv": _text(","), ".tsv": _text("\t"), ".json": _json, ".parquet": _parquet,
    ".mat": _mat, ".h5": _hdf5, ".hdf5": _hdf5,
}  # fmt: skip
_NEEDS = {".parquet": "pyarrow", ".mat": "scipy", ".h5": "h5py", ".hdf5": "h5py"}
