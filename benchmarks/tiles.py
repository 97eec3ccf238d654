"""Cities answered by tiles on a Ray cluster of several raylets of this machine, against one process.

    python -m benchmarks.tiles --links 10000                          # sum rate, proportional fairness and QoS
    python -m benchmarks.tiles --links 100000 --goals sum-rate --lose # and again with a raylet killed in round 1

A row says by how much the utility by tiles is above that of `Allocator.allocate` in one process, in the unit of
`gfm_ra.exact`'s gaps; seconds and peak memory of both, drawing the city included in the memory; and whether the powers
were the same bits after the loss. A worker's memory counts what it reads of the objects that a node shares. All raylets
share this machine's cores, so seconds by tiles are those of one machine that does the work of several.
"""

import argparse
import json
import resource
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import ray
from ray.cluster_utils import Cluster

import gfm_ra
from benchmarks.efforts import processor
from components.channel.city import city_scenario, draw_city, sparse_network
from gfm_ra.errors import UserError, one_line
from gfm_ra.goals import by_name
from gfm_ra.inference.allocation import Allocation
from gfm_ra.solvers.proofs.certificate import scale_of
from pipelines.cluster.session import KEEP_MEMORY, ROOT
from pipelines.tiles.answers import TILE_LINKS, by_tiles

SEED, GOALS, WORKERS = 1, "sum-rate,proportional-fair,qos", 3
STORE_BYTES = 10**9
"""Of the head, which holds all tiles."""
TASK = "ray::solve_tile"


class Whole(NamedTuple):
    """The answer of one process."""

    utility: float
    seconds: float
    peak_gb: float


def whole(links: int, name: str) -> Whole:
    """One city and goal in this process, which should have done nothing else."""
    network, allocator = sparse_network(draw_city(city_scenario(links), SEED)), gfm_ra.load()
    begin = time.perf_counter()
    answer = allocator.allocate(network, goal=name)
    seconds = time.perf_counter() - begin
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return Whole(float(answer.utility), seconds, peak_gb)


@contextmanager
def cluster(workers: int) -> Iterator[Cluster]:
    """A head without CPUs and so many raylets of one CPU, joined by this process."""
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES},
    )
    try:
        for _ in range(workers):
            made.add_node(num_cpus=1)
        made.wait_for_nodes()
        told = {"env_vars": {"PYTHONPATH": ":".join([str(ROOT), *sys.path]), **KEEP_MEMORY}}
        ray.init(made.address, log_to_driver=False, runtime_env=told)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


class Tiled(NamedTuple):
    """An answer by tiles."""

    answer: Allocation
    seconds: float
    rounds: list[tuple[float, float]]  # utility, seconds since the begin
    worker_gb: float  # largest peak of a worker process


def tiled(made: Cluster, links: int, name: str, tile_links: int, lose: bool) -> Tiled:
    """One city and goal by tiles; lose: kill the first raylet at work after round 0; one follows later."""
    city, allocator = draw_city(city_scenario(links), SEED), gfm_ra.load()
    network, rounds = sparse_network(city), []
    begun, lost = threading.Event(), threading.Event()
    killer = threading.Thread(target=_kill, args=(made, begun, lost), daemon=True)
    if lose:
        killer.start()
    begin = time.perf_counter()

    def tell(each: Any) -> None:  # noqa: ANN401
        rounds.append((each.utility, time.perf_counter() - begin))
        begun.set()

    answer = by_tiles(
        allocator,
        network,
        by_name(name),
        tile_links=tile_links,
        position_m=city.transmitters,
        tell=tell,
    )
    seconds = time.perf_counter() - begin
    peaks = [_peak_gb(pid) for node in made.worker_nodes for pid in _workers(node)]
    if lose:
        killer.join(60)
        if not lost.is_set():
            raise UserError("no raylet was at work on a tile after round 0: give more links or smaller tiles")
        made.add_node(num_cpus=1)
        made.wait_for_nodes()
    return Tiled(answer, seconds, rounds, max(peaks, default=0.0))


def _kill(made: Cluster, begun: threading.Event, lost: threading.Event) -> None:
    deadline = time.monotonic() + 300.0
    begun.wait(300.0)
    while time.monotonic() < deadline:
        for node in list(made.worker_nodes):
            if any(_title(pid).startswith(TASK) for pid in _workers(node)):
                made.remove_node(node, allow_graceful=False)
                lost.set()
                return
        time.sleep(0.005)


def _workers(node: Any) -> list[int]:  # noqa: ANN401
    """Worker processes of a raylet."""
    raylet = node.all_processes["raylet"][0].process.pid
    try:
        children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    except OSError:
        return []
    return [pid for pid in map(int, children) if _title(pid).startswith("ray::")]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it ended
        return ""


def _peak_gb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("VmHWM")), 0.0)


def row_of(made: Cluster, links: int, name: str, tile_links: int, lose: bool) -> dict[str, Any]:
    """One city and goal both ways."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        one = pool.submit(whole, links, name).result()
    found = tiled(made, links, name, tile_links, False)
    scale = float(scale_of(by_name(name), np.asarray(one.utility), links))
    row = {
        "links": links,
        "goal": name,
        "tile_links": tile_links,
        "one_process": one._asdict(),
        "difference": (float(found.answer.utility) - one.utility) / scale,
        "by_round": [(utility - one.utility) / scale for utility, _ in found.rounds],
        "seconds": found.seconds,
        "seconds_by_round": [seconds for _, seconds in found.rounds],
        "driver_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "worker_gb": found.worker_gb,
        "note": found.answer.notes[0],
    }
    if lose:
        again = tiled(made, links, name, tile_links, True)
        row["same_bits_after_loss"] = bool((again.answer.power == found.answer.power).all())
        row["seconds_with_loss"] = again.seconds
    return row


def main(words: Sequence[str] | None = None) -> None:
    """Print the rows; write them where --out says."""
    chosen = _parser().parse_args(words)
    rows = []
    print(processor())
    with cluster(chosen.workers) as made:
        for links in (int(size) for size in chosen.links.split(",")):
            for name in chosen.goals.split(","):
                rows.append(row_of(made, links, name, chosen.tile_links, chosen.lose))
                print(json.dumps(rows[-1]), flush=True)
    if chosen.out:
        told = {"processor": processor(), "workers": chosen.workers, "rows": rows}
        Path(chosen.out).write_text(json.dumps(told, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tiles", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--links", default="10000", help="sizes, with commas between")
    parser.add_argument("--goals", default=GOALS, help=f"default: {GOALS}")
    parser.add_argument("--tile-links", type=int, default=TILE_LINKS, help=f"default: {TILE_LINKS}")
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"raylets (default: {WORKERS})")
    parser.add_argument("--lose", action="store_true", help="answer again with a raylet killed in round 1")
    parser.add_argument("--out", metavar="JSON", help="also write the rows here")
    return parser


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError) as error:
        sys.exit(f"tiles: {one_line(error)}")
