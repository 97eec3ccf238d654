"""NumPy's files, damaged and hostile ones among them: no warning, no unpickling, no memory for what is only claimed."""

import io
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gfm_ra.errors import InputError
from gfm_ra.files.gains import open_gains


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def header(text: str, data: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin-1") + data


def zipped(path: Path, content: bytes, name: str = "gain.npy", packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr(name, content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(open_gains(path).parts())
    assert path.name in str(caught.value)
    return str(caught.value)


HEADERS = [
    ("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3", "header of"),
    ("{'descr': '<f8', 'fortran_order': False}", "header of"),
    ("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False}", "header of"),
    ("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1, 1), }", "header of"),
    ("{'descr': '<f3', 'fortran_order': False, 'shape': (1, 1), }", "header of"),
    (f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'9' * 5000}, 1), }}", "header of"),
    (f"{{'descr': '<f8', 'fortran_order': False, 'shape': {'(' * 4000}, }}", "header of"),
    ("{'descr': '|O', 'fortran_order': False, 'shape': (1, 1), }", "Python objects"),
    ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1, 1), }", "structured records"),
    ("{'descr': '<f8', 'fortran_order': False, 'shape': (900000000, 900, 900), }", "is cut off"),
    ("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", "is cut off"),
]


@pytest.mark.parametrize(("text", "said"), HEADERS)
def test_headers_are_not_believed(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.npy"
    for version in (1, 2):
        path.write_bytes(header(text, version=version))
        assert said in refusal(path)
    assert said in refusal(zipped(tmp_path / "a.npz", header(text)))


def test_headers_of_other_writers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for text in (
        "{'shape': (1, 1), 'fortran_order': False, 'descr': '<f8'}\n",  # another order
        '{"descr": "<f8", "fortran_order": False, "shape": (1, 1)}',
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1L, 1L), }",  # Python 2
    ):
        path.write_bytes(header(text, np.array(5.0).tobytes()))
        assert open_gains(path).read() == 5.0


def test_an_array_must_fill_its_file(tmp_path: Path) -> None:
    path, content = tmp_path / "a.npy", npy(np.ones((2, 2)))
    for size in range(1, len(content)):
        path.write_bytes(content[:size])
        refusal(path)
    path.write_bytes(content + content)
    assert "bytes after its array" in refusal(path)
    assert "bytes after its array" in refusal(zipped(tmp_path / "a.npz", content + b"x"))


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(np.ones((4, 2, 2))))
    gains = open_gains(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="ends before row 3 of 4"):
        list(gains.parts(most=4))


@pytest.mark.parametrize(
    "packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_flipped_bit_in_an_archive_is_found(tmp_path: Path, packing: int) -> None:
    path = zipped(
        tmp_path / "a.npz", npy(np.random.default_rng(0).normal(size=(20, 5, 5)) ** 2), packing=packing
    )
    assert open_gains(path).networks == 20
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    assert "damaged archive" in refusal(path)


def locked(path: Path) -> None:
    zipped(path, npy(np.ones((2, 2))))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # encrypted, in the local header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def unknown_packing(path: Path) -> None:
    zipped(path, npy(np.ones((2, 2))))
    content = bytearray(path.read_bytes())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 97
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: zipped(path, b"1,2\n3,4\n", "gain.csv"), "holds no arrays but gain.csv: unpack it first"),
        (lambda path: zipped(path, b"1,2\n3,4\n"), "header of array 'gain'"),
        (lambda path: path.write_bytes(npy(np.ones((2, 2)))), "a NumPy array: call it .npy"),
        (lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)), "holds no arrays"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)), "damaged archive"),
        (locked, "encrypted"),
        (unknown_packing, "damaged archive"),
    ],
)  # fmt: skip
def test_archives_that_are_none_of_numpy_s_are_refused(
    tmp_path: Path, make: Callable[[Path], Any], said: str
) -> None:
    path = tmp_path / "a.npz"
    make(path)
    assert said in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_one_name_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for value in (1.0, 2.0):
            archive.writestr("gain.npy", npy(np.full((2, 2), value)))
    assert "several arrays of one name" in refusal(tmp_path / "a.npz")


def test_pickled_objects_are_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            return Path.touch, (tmp_path / "it was run",)

    content = io.BytesIO()
    np.save(content, np.array([[Trap()]], dtype=object), allow_pickle=True)
    for ending, data in ((".npy", content.getvalue()), (".npy", pickle.dumps(Trap()))):
        (tmp_path / f"a{ending}").write_bytes(data)
        refusal(tmp_path / f"a{ending}")
    refusal(zipped(tmp_path / "a.npz", content.getvalue()))
    assert not (tmp_path / "it was run").exists()


BOMB = """
import resource, sys
from pathlib import Path
from gfm_ra.errors import InputError
from gfm_ra.files.gains import open_gains
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
try:
    list(open_gains(Path(sys.argv[1])).parts())
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("shape", [(40_000_000, 30, 30), (1, 30_000, 30_000), (1, 15_000, 15_000)])
def test_an_archive_that_claims_much_takes_no_memory(
    tmp_path: Path, root: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "bomb.npz"
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("gain.npy", "w") as member:
        member.write(header(text) + bytes(2**22))
    content = bytearray(path.read_bytes())
    size = 8 * shape[0] * shape[1] * shape[2] + len(header(text))
    place = content.index(b"PK\x01\x02")
    # The directory claims as many bytes as the header: four fit into the old field, the rest is a zip64 matter.
    content[place + 24 : place + 28] = struct.pack("<I", size % 2**32)
    path.write_bytes(content)
    answer = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert answer.stderr == ""
    assert "bomb.npz" in answer.stdout
    assert len(answer.stdout.splitlines()) == 1
