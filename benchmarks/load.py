"""A running service under load, on loopback: `gfm-ra serve` in one shell, `python -m benchmarks.load` in another.

Every client sends its next request when it has its answer. Requests are one network each.
"""

import argparse
import asyncio
import io
import json
import time

import aiohttp
import numpy as np
from rich.console import Console
from rich.table import Table

from gfm_ra.latency import typical_gains


def body(links: int, kind: str) -> tuple[bytes, str]:
    """A request and its content type."""
    gain_db = typical_gains(1, links)
    if kind == "json":
        return json.dumps({"gain_db": np.round(gain_db, 2).tolist()}).encode(), "application/json"
    out = io.BytesIO()
    np.save(out, gain_db)
    return out.getvalue(), "application/x-npy"


async def client(
    session: aiohttp.ClientSession, url: str, request: tuple[bytes, str], until: float
) -> list[float]:
    """Seconds that each request took."""
    data, kind = request
    taken = []
    while (started := time.perf_counter()) < until:
        async with session.post(url, data=data, headers={"content-type": kind}) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"status {response.status}: {await response.text()}")
        taken.append(time.perf_counter() - started)
    return taken


async def load(
    url: str, request: tuple[bytes, str], clients: int, seconds: float
) -> tuple[float, float, float]:
    """Median and 99th percentile in milliseconds, snapshots per second."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await client(session, url, request, time.perf_counter() + 0.5)
        started = time.perf_counter()
        found = await asyncio.gather(
            *(client(session, url, request, started + seconds) for _ in range(clients))
        )
        passed = time.perf_counter() - started
    taken = [value for values in found for value in values]
    p50, p99 = np.quantile(taken, [0.5, 0.99])
    return float(p50) * 1e3, float(p99) * 1e3, len(taken) / passed


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000/allocate")
    parser.add_argument("--links", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    table = Table("body", "clients", "p50 ms", "p99 ms", "snapshots/s", title=f"K = {given.links}")
    for kind in ("json", "npy"):
        for clients in (1, 8, 32):
            found = asyncio.run(load(given.url, body(given.links, kind), clients, given.seconds))
            table.add_row(kind, str(clients), *(f"{value:,.1f}" for value in found))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
