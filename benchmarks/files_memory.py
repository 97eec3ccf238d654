"""How much private memory reading gains and writing powers takes, format by format, each in a fresh process.

Usage: python -m benchmarks.files_memory [--networks 12000] [--links 50] [--folder FOLDER]
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gfm_ra.files.gains import open_gains
from gfm_ra.files.plausibility import survey
from gfm_ra.files.writers import writing

MIB = 2**20
SAMPLE_S = 0.02


def private_bytes() -> int:
    """Memory of this process that it shares with nobody."""
    text = Path("/proc/self/smaps_rollup").read_text()
    return 1024 * sum(map(int, re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+)", text, re.MULTILINE)))


def peak_of(work: Callable[[], None]) -> int:
    """The most private memory that was seen while a function ran."""
    peak, done = private_bytes(), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(SAMPLE_S):
            peak = max(peak, private_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return max(peak, private_bytes())


def answer(path: Path) -> None:
    """What `gfm-ra allocate` does with files, with full power for a model."""
    gains = open_gains(path, "db" if path.suffix in (".npy", ".csv") else None)
    survey(gains)
    out = path.with_name(f"power{path.suffix}")
    with writing(out, (gains.networks, gains.links), np.dtype(np.float32), "power") as write:
        for part in gains.parts():
            write(np.ones(part.shape[:2], np.float32))


def networks(count: int, links: int) -> Iterator[np.ndarray]:
    """Gains in dB, a hundred networks at a time."""
    for start in range(0, count, 100):
        generator = np.random.default_rng(start)
        part = generator.normal(0.0, 20.0, (min(100, count - start), links, links)).astype(np.float32)
        part[:, range(links), range(links)] += 80.0
        yield part


def make(path: Path, count: int, links: int) -> None:
    """A gains file of a format: `packed.npz` is compressed, `group.parquet` one row group."""
    if path.name == "packed.npz":
        np.savez_compressed(path, gain_db=np.concatenate(list(networks(count, links))))
    elif path.name == "group.parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        from gfm_ra.files.columns import matrix_column

        column = matrix_column(np.concatenate(list(networks(count, links))))
        pq.write_table(pa.table({"gain_db": column}), path, row_group_size=count)
    else:
        with writing(path, (count, links, links), np.dtype(np.float32), "gain_db") as write:
            for part in networks(count, links):
                write(part)


def measured(*words: str) -> dict[str, float]:
    """What a fresh process says of one file."""
    command = [sys.executable, "-m", "benchmarks.files_memory", *words]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=12_000)
    parser.add_argument("--links", type=int, default=50)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.networks, options.links)
        print("{}")
        return
    if options.answer:
        start = time.perf_counter()
        peak = peak_of(lambda: answer(options.answer))
        print(json.dumps({"peak": peak, "seconds": time.perf_counter() - start}))
        return
    array = 8 * options.networks * options.links**2  # bytes, as float64, which CSV and JSON are held as
    print(f"{options.networks} networks of {options.links} links: {array / MIB:.0f} MiB as float64")
    print(
        "| file | size, MiB | private, 100 networks, MiB | all, MiB | more, MiB | of the array | seconds |\n|"
        + "---|" * 7
    )
    for name in (
        "g.npy",
        "g.npz",
        "packed.npz",
        "g.parquet",
        "group.parquet",
        "g.csv",
        "g.json",
        "g.mat",
        "g.h5",
    ):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            found = []
            path = Path(folder) / name
            for count in (min(100, options.networks), options.networks):
                measured("--make", str(path), "--networks", str(count), "--links", str(options.links))
                found.append(measured("--answer", str(path)))
            few, many = (entry["peak"] for entry in found)
            row = (path.stat().st_size / MIB, few / MIB, many / MIB, (many - few) / MIB)
            cells = [
                name,
                *(f"{value:.0f}" for value in row),
                f"{(many - few) / array:.2f}",
                f"{found[1]['seconds']:.0f}",
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
