"""Progress that a person can follow: a bar on a terminal, a line now and then in a log."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

SECONDS_BETWEEN_LINES = 10.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f}/s" if task.speed else "-/s")


class Meter:
    """Counts towards a total; use as a context manager."""

    def __init__(self, console: Console, label: str, total: int, unit: str) -> None:
        self.console, self.label, self.total, self.unit = console, label, total, unit
        self.done = 0
        self._started = self._last_line = time.monotonic()
        self._first: int | None = None
        self._bar: Progress | None = None

    def __enter__(self) -> "Meter":
        if self.console.is_terminal:
            columns = [
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(self.unit),
                _Rate(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            ]
            self._bar = Progress(*columns, console=self.console)
            self._bar.add_task(self.label, total=self.total, note="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Move to `done`; work that was there before the first call does not count for the rate."""
        self.total = self.total if total is None else total
        if self._first is None:
            self._first, self._started = done, time.monotonic()
        self.done = done
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=self.total, note=note)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self.console.print(self._line(note), highlight=False)

    def _line(self, note: str) -> str:
        elapsed = time.monotonic() - self._started
        rate = (self.done - (self._first or 0)) / elapsed if elapsed > 0 else 0.0
        left = f"{(self.total - self.done) / rate:.0f} s left" if rate > 0 else "time left unknown"
        return f"  {self.label}: {self.done}/{self.total} {self.unit}, {rate:.1f}/s, {left} {note}".rstrip()
