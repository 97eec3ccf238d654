"""Gains files of every format, and ways to damage them."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.io import savemat

EXTREMES = (
    b"\0" * 8, b"\xff" * 4, b"\xff" * 8, b"\xff\xff\xff\x7f", b"\xff" * 7 + b"\x7f", b"\0\0\0\x80", b"\1",
    b"\0\0\1\0\0\0\0\0", b"9" * 30, b"1e999", b"[" * 2000, b"{" * 50, b'"', b"nan", b",,,,", b"\n\n", b"-",
)  # fmt: skip
HOSTILE_TEXT = (
    b"[" * 100_000, b'{"gain": ' * 50_000, b'{"gain": [[1' + b"0" * 50_000 + b"]]}", b"9" * 100_000, b"," * 10_000,
    b'"' * 9999, b'"a,b', b"1;2,3\t4 5", b"\xff\xfe\0", b"\xff\xfe1\0,", b"\xef\xbb\xbf", b"sep=", b"sep=;", b"sep=\n1",
    b"#", b"# only\n#comments\n", b"\r\r\r", b"1,2\r3,4\r", b"\0", b" ", b"\n", b"1+2j,3\n4,5\n", b"1_0,2\n3,4\n",
    b"{}", b"[]", b"[[]]", b"[[[]]]", b"null", b"true", b'{"gain": {"a": [[1]]}}', b'{"gain": [[1, [2]]]}',
    b'{"gain": [[true]]}', b'{"gain": [["1"]]}', b'{"gain": [[1]], "gain": [[1]]}', b'{"gain": [[1]]} x',
    b'{"gain": [[1]], "x": "\\', b'{"x": [' * 3000, b"%!PS", b"\x81\x8d\x8f\x90\x9d,1\n", b"PK\x03\x04", b"\x93NUMPY",
)  # fmt: skip


def gains(generator: np.random.Generator) -> np.ndarray:
    values = generator.uniform(-20.0, 30.0, (4, 3, 3))
    values[:, range(3), range(3)] += 40.0
    return values


def _bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def _hdf5(values: np.ndarray, **options: object) -> bytes:
    def write(out: io.BytesIO) -> None:
        with h5py.File(out, "w") as file:
            file.create_dataset("gain_db", data=values, **options)

    return _bytes(write)


def seeds(generator: np.random.Generator) -> dict[str, list[bytes]]:
    """Valid files, by ending."""
    values = gains(generator)
    text = "\n".join(",".join(f"{cell:.3f}" for cell in row) for row in values.reshape(-1, 3)) + "\n"
    tensor = pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [3, 3]),
        pa.FixedSizeListArray.from_arrays(pa.array(values.astype(np.float32).reshape(-1)), 9),
    )
    lists = pa.table({"gain_db": values.tolist()})
    return {
        ".npy": [
            _bytes(lambda out, stored=stored: np.save(out, stored))
            for stored in (
                values,
                values[0].astype(np.float32),
                np.asfortranarray(values),
                values.astype(">f8"),
            )
        ],
        ".npz": [
            _bytes(lambda out: np.savez(out, gain_db=values)),
            _bytes(lambda out: np.savez_compressed(out, gain_db=np.asfortranarray(values), x=values[0, 0])),
        ],
        ".csv": [
            text.encode(),
            ("\ufeff" + text.replace(",", ";").replace(".", ",").replace("\n", "\r\n")).encode(),
            ("\ufeff" + "a,b,c\n" + text).encode("utf-16-le"),
            (",0,1,2\n" + "".join(f"{row},{line}\n" for row, line in enumerate(text.split()))).encode(),
        ],
        ".tsv": [text.replace(",", "\t").encode()],
        ".json": [
            json.dumps({"gain_db": values.tolist()}).encode(),
            json.dumps({"name": "é", "x": {"y": [1, "]"]}, "gain_db": values[0].tolist()}, indent=1).encode(),
        ],
        ".parquet": [
            _bytes(lambda out: pq.write_table(lists, out)),
            _bytes(lambda out: pq.write_table(pa.table({"gain_db": tensor}), out, compression="zstd")),
        ],
        ".mat": [
            _bytes(lambda out: savemat(out, {"gain_db": values})),
            _bytes(lambda out: savemat(out, {"gain_db": values[0], "x": "text"}, do_compression=True)),
        ],
        ".h5": [
            _hdf5(values),
            _hdf5(values, chunks=(1, 3, 3), compression="gzip", shuffle=True, fletcher32=True),
        ],
    }


def damaged(content: bytes, generator: np.random.Generator) -> bytes:
    """Some bytes flipped, cut, swapped, repeated or replaced by extreme ones."""
    data = bytearray(content)
    for _ in range(generator.integers(1, 4)):
        if not data:
            break
        first, second = sorted(map(int, generator.integers(0, len(data) + 1, 2)))
        match int(generator.integers(0, 7)):
            case 0:
                for place in generator.integers(0, len(data), generator.integers(1, 20)):
                    data[place] ^= 1 << int(generator.integers(0, 8))
            case 1:
                del data[first:]
            case 2:
                del data[first : min(second, first + 64)]
            case 3:
                data[first:first] = data[first : min(second, first + 256)]
            case 4:
                extreme = EXTREMES[generator.integers(0, len(EXTREMES))]
                data[first : first + len(extreme)] = extreme
            case 5:
                data[first:] = data[second:] + data[first:second]
            case 6:
                data[first:second] = generator.bytes(min(second - first, 64))
    return bytes(data)


def _rezipped(content: bytes, generator: np.random.Generator) -> bytes:
    """A .npy inside an archive damaged, the archive itself whole."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, damaged(source.read(name), generator))
    return out.getvalue()


def damaged_files(folder: Path, ending: str, count: int, seed: int) -> list[Path]:
    """So many damaged, foreign or hostile files of one ending; what they hold depends on the seed alone."""
    generator = np.random.default_rng([seed, *ending.encode()])
    valid = seeds(np.random.default_rng(seed))
    foreign = [content for other, contents in valid.items() if other != ending for content in contents]
    texts = [*HOSTILE_TEXT, *EXTREMES]
    paths = []
    for number in range(count):
        own = valid[ending][number % len(valid[ending])]
        match number % 10:
            case 0:
                content = foreign[generator.integers(0, len(foreign))]
            case 1:
                content = texts[generator.integers(0, len(texts))]
            case 2 if ending == ".npz":
                content = _rezipped(own, generator)
            case 3:
                content = own[:64] + damaged(own[64:], generator)
            case 4:
                content = damaged(own[:128], generator) + own[128:]
            case _:
                content = damaged(own, generator)
        paths.append(folder / f"{number}{ending}")
        paths[-1].write_bytes(content)
    return paths
