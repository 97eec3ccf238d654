"""The server under load, on loopback: `python -m benchmarks.load`.

Starts the server with a handler beside its own that does nothing, and a generator that g++ compiles; both share the
machine's cores. Closed loop with 1 to 512 clients, open loop at 70 % of what 32 clients got, two goals in turn, JSON,
.npy and binary tensors, each against the handler that does nothing and against the time in this process, in one run.
`--requests 1000000` measures the server's memory instead. Figures are for effort balanced unless told otherwise.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

import gfm_ra
from benchmarks.load.server import NOTHING
from gfm_ra.client import Client
from gfm_ra.core.loader import instruction_set
from gfm_ra.latency import typical_gains
from gfm_ra.server.formats.body import JSON, NPY

SOURCE = Path(__file__).with_name("generator.cpp")
CLIENTS = (1, 8, 32, 128, 512)
READY_S = 30.0
INFER = "/v2/models/gfm-ra/infer"
Console_ = Console(highlight=False, width=160)


class Found(NamedTuple):
    """What the generator measured."""

    answers: int
    errors: int
    rate: float  # answers a second
    p50: float  # ms
    p99: float
    statuses: dict[str, int]


def request(path: str, body: bytes, kind: str, **headers: str) -> bytes:
    """A whole HTTP request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "host: localhost",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def npy(gain_db: np.ndarray, query: str = "", path: str = "/allocate") -> bytes:
    """Gains as a .npy file."""
    out = io.BytesIO()
    np.save(out, gain_db)
    return request(path + query, out.getvalue(), NPY)


def plain_json(gain_db: np.ndarray, effort: str) -> bytes:
    """Gains as JSON."""
    fields = {"gain_db": np.round(gain_db, 2).astype(float).tolist(), "effort": effort}
    return request("/allocate", json.dumps(fields).encode(), JSON)


def binary_tensor(gain_db: np.ndarray, effort: str) -> bytes:
    """Gains as the protocol's binary tensor, powers asked for in binary."""
    tensor = {
        "name": "gain_db", "shape": list(gain_db.shape), "datatype": "FP32",
        "parameters": {"binary_data_size": gain_db.nbytes},
    }  # fmt: skip
    asked = {"inputs": [tensor], "parameters": {"effort": effort, "binary_data_output": True}}
    text = json.dumps(asked).encode()
    headers = {"inference_header_content_length": str(len(text))}
    return request(INFER, text + gain_db.tobytes(), "application/octet-stream", **headers)


class Generator:
    """The compiled generator, its requests in files of a folder."""

    def __init__(self, folder: Path, port: int, seconds: float) -> None:
        self.folder, self.port, self.seconds = folder, port, seconds
        self.program = folder / "generator"
        subprocess.run(["g++", "-O2", "-std=c++17", "-o", str(self.program), str(SOURCE)], check=True)

    def __call__(
        self, requests: list[bytes], clients: int, rate: float = 0.0, seconds: float | None = None
    ) -> Found:
        """Ask for so many seconds; closed loop without a rate."""
        files = []
        for number, content in enumerate(requests):
            files.append(self.folder / f"{number}.request")
            files[-1].write_bytes(content)
        words = ["127.0.0.1", str(self.port), str(clients), str(seconds or self.seconds), str(rate)]
        done = subprocess.run(
            [str(self.program), *words, *map(str, files)], capture_output=True, text=True, check=True
        )
        told = json.loads(done.stdout.replace("nan", "null"))
        rate_found = told["answers"] / told["seconds"]
        return Found(told["answers"], told["errors"], rate_found, told["p50"], told["p99"], told["statuses"])


@contextmanager
def server(workers: int, links: int) -> Iterator[tuple[int, psutil.Process, float]]:
    """A server as a process of its own: port, process, seconds until it was ready."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begin = time.perf_counter()
    words = [sys.executable, "-m", "benchmarks.load.server", str(port), str(workers), str(links)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            with Client(f"http://127.0.0.1:{port}") as client:
                while not client.ready():
                    if time.perf_counter() - begin > READY_S or process.poll() is not None:
                        raise SystemExit("load: the server did not start")
                    time.sleep(0.005)
            yield port, psutil.Process(process.pid), time.perf_counter() - begin
        finally:
            process.terminate()
            process.wait()


def in_process_ms(gain_db: np.ndarray, effort: str, seconds: float = 2.0) -> tuple[float, float]:
    """Median and least time of `allocate` in this process, ms."""
    allocator, taken = gfm_ra.load(), []
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        started = time.perf_counter()
        allocator.allocate(gain_db=gain_db, effort=effort, threads=1)  # type: ignore[arg-type]
        taken.append(time.perf_counter() - started)
    return 1e3 * float(np.median(taken)), 1e3 * min(taken)


def load(given: argparse.Namespace) -> dict[str, Any]:
    """Every comparison."""
    gain_db = typical_gains(1, given.links)
    effort = given.effort
    nothing = [npy(gain_db, path=NOTHING)]
    ways: dict[str, list[bytes]] = {
        "npy": [npy(gain_db, f"?effort={effort}")],
        "binary tensor": [binary_tensor(gain_db, effort)],
        "json": [plain_json(gain_db, effort)],
    }
    two_goals = [npy(gain_db, f"?effort={effort}&goal={goal}") for goal in ("sum-rate", "proportional-fair")]
    found: dict[str, Any] = {"links": given.links, "effort": effort, "workers": given.workers, "rows": []}
    with server(given.workers, given.links) as (port, _, ready_s), tempfile.TemporaryDirectory() as folder:
        found["ready_s"] = round(ready_s, 2)
        generate = Generator(Path(folder), port, given.seconds)
        generate(ways["npy"], 8, seconds=1.0)  # warm
        found["in_process_ms"] = [round(value, 4) for value in in_process_ms(gain_db, effort)]

        def row(name: str, clients: int, measure: Callable[[], Found]) -> Found:
            one = measure()
            found["rows"].append({"what": name, "clients": clients} | one._asdict())
            return one

        for clients in given.clients:
            row("nothing", clients, lambda clients=clients: generate(nothing, clients))
            for name in ways if clients in (1, 32) else ("npy",):
                row(name, clients, lambda clients=clients, name=name: generate(ways[name], clients))
        one = row("npy, one goal", 32, lambda: generate(ways["npy"], 32))
        row("npy, two goals in turn", 32, lambda: generate(two_goals, 32))
        rate = 0.7 * one.rate
        row(f"npy, open loop at {rate:.0f}/s", 256, lambda: generate(ways["npy"], 256, rate))
    return found


def memory(given: argparse.Namespace) -> dict[str, Any]:
    """Resident memory of the server after so many requests, MB, by their number."""
    gain_db = typical_gains(1, given.links)
    found: dict[str, float] = {}
    with server(1, given.links) as (port, process, _), tempfile.TemporaryDirectory() as folder:
        generate = Generator(Path(folder), port, given.seconds)
        done = 0
        while done < given.requests:
            begun = generate([npy(gain_db, "?effort=fast"), plain_json(gain_db, "fast")], 16, seconds=5.0)
            done += begun.answers
            found[str(done)] = round(process.memory_info().rss / 2**20, 1)
            Console_.print(f"{done} requests: {found[str(done)]} MB", end="\r")
    return {"resident_mb": found}


def table(found: dict[str, Any]) -> Table:
    """The rows with what they are to be compared with."""
    shown = Table("what", "clients", "p50, ms", "p99, ms", "answers/s", "of nothing's rate", "errors")
    nothing = {row["clients"]: row for row in found["rows"] if row["what"] == "nothing"}
    for row in found["rows"]:
        base = nothing.get(row["clients"])
        share = "" if base is None else f"{row['rate'] / base['rate']:.2f}"
        bad = row["errors"] + sum(count for status, count in row["statuses"].items() if status != "200")
        times = [f"{row[name]:.3f}" for name in ("p50", "p99")]
        shown.add_row(row["what"], str(row["clients"]), *times, f"{row['rate']:.0f}", share, str(bad))
    return shown


def main() -> None:
    """Measure, print, and keep if asked."""
    parser = argparse.ArgumentParser("python -m benchmarks.load", description=__doc__)
    add = parser.add_argument
    add("--links", type=int, default=50)
    add("--effort", default="balanced", choices=("fast", "balanced", "best"))
    add("--workers", type=int, default=1)
    add("--clients", type=int, nargs="+", default=list(CLIENTS))
    add("--seconds", type=float, default=5.0, help="of every measurement (default: 5)")
    add("--requests", type=int, help="measure the server's memory over so many requests instead")
    add("--out", type=Path, metavar="JSON")
    given = parser.parse_args()
    found = load(given) if given.requests is None else memory(given)
    found["instruction_set"] = instruction_set()
    if given.requests is None:
        median, least = found["in_process_ms"]
        Console_.print(
            f"K = {given.links}, {given.effort}, {given.workers} worker(s), {found['instruction_set']}: ready in "
            f"{found['ready_s']} s; in process {median:.3f} ms (least {least:.3f})"
        )
        Console_.print(table(found))
    else:
        Console_.print()
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
