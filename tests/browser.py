"""A headless Chromium, spoken to by its own protocol: what a page asks the network for, complains about and answers."""

import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
    "--disable-dev-shm-usage", "--allow-file-access-from-files",
)  # fmt: skip


def find() -> str | None:
    """A Chromium on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """A browser with a fresh profile in `folder`: its debugging address. It ends with the block, children included."""
    program = find()
    assert program is not None
    command = [program, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"DevTools listening on ws://([\d.:]+)/", line):
                yield found[1]
                return
        raise AssertionError("the browser ended before it said where it listens")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


class Page:
    """What was seen of one page: requests beside itself, complaints, and answers to expressions."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.answers: list[Any] = []


async def _visit(address: str, url: str, width: int, scheme: str, expressions: list[str]) -> Page:
    page, numbers = Page(), itertools.count(1)
    loaded = asyncio.Event()
    waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    def note(message: dict[str, Any]) -> None:
        method, given = message.get("method"), message.get("params", {})
        if "id" in message:
            waiting.pop(message["id"]).set_result(message)
        elif method == "Page.loadEventFired":
            loaded.set()
        elif method == "Network.requestWillBeSent" and not given["request"]["url"].startswith(("data:", url)):
            page.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            page.complaints.append(str(given["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
            page.complaints.append(str(given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            page.complaints.append(given["entry"]["text"])

    async with aiohttp.ClientSession() as client:
        async with client.get(f"http://{address}/json/list") as listed:
            (target,) = [each for each in await listed.json() if each["type"] == "page"]
        async with client.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:

            async def listen() -> None:
                async for message in socket:
                    note(json.loads(message.data))

            async def ask(method: str, **given: object) -> dict[str, Any]:
                number = next(numbers)
                waiting[number] = asyncio.get_running_loop().create_future()
                await socket.send_json({"id": number, "method": method, "params": given})
                return await waiting[number]

            listener = asyncio.create_task(listen())
            for domain in ("Page", "Network", "Runtime", "Log"):
                await ask(f"{domain}.enable")
            await ask(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=800,
                deviceScaleFactor=1,
                mobile=width < 600,
            )
            await ask(
                "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
            )
            await ask("Page.navigate", url=url)
            await loaded.wait()
            for expression in expressions:
                answer = await ask("Runtime.evaluate", expression=expression, returnByValue=True)
                assert "exceptionDetails" not in answer["result"], answer
                page.answers.append(answer["result"]["result"].get("value"))
            listener.cancel()
    return page


def visit(
    address: str, url: str, width: int, scheme: str, expressions: list[str], within_s: float = 60.0
) -> Page:
    """Load a page in a window of a width and a colour scheme, and evaluate expressions in it one after the other."""
    return asyncio.run(asyncio.wait_for(_visit(address, url, width, scheme, expressions), within_s))
