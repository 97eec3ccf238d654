"""From training workers to the driver: what to show on the bar, and which metrics to log, while it runs."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipelines.runtime.progress import Meter
from pipelines.runtime.runs import Run

SECONDS_BETWEEN_POSTS = 0.5
SECONDS_BETWEEN_LOOKS = 0.5


class _ProgressActor:
    def __init__(self) -> None:
        self.progress = (0, 1)
        self.metrics: list[dict[str, float]] = []

    def post_progress(self, done: int, total: int) -> None:
        self.progress = (done, total)

    def post_metrics(self, metrics: dict[str, float]) -> None:
        self.metrics.append(metrics)

    def take(self) -> tuple[tuple[int, int], list[dict[str, float]]]:
        news, self.metrics = self.metrics, []
        return self.progress, news


class WorkerReporter:
    """A worker's end: cheap enough to be called after every step."""

    def __init__(self, actor: Any) -> None:  # noqa: ANN401 (an actor handle has no public type)
        self._actor = actor
        self._last = 0.0

    def tick(self, done: int, total: int, snapshots: int) -> None:
        """Post progress, at most twice a second."""
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_POSTS or done == total:
            self._last = now
            self._actor.post_progress.remote(done, total)

    def metrics(self, metrics: dict[str, float]) -> None:
        """Post the metrics of an epoch."""
        self._actor.post_metrics.remote(metrics)


class ProgressReporter:
    """The driver's end: a context manager that moves the bar and logs to MLflow from a thread of its own."""

    def __init__(self, meter: Meter, run: Run, note: Callable[[dict[str, float]], str]) -> None:
        self._meter, self._run, self._note = meter, run, note
        # No CPU of its own: on two cores it would keep a training worker from starting.
        # On the driver's own node: it needs no CPU, so that Ray would put it on any, one that may be lost included.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.actor: Any = ray.remote(_ProgressActor).options(num_cpus=0, scheduling_strategy=here).remote()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._last_note = ""
        self.metrics: list[dict[str, float]] = []  # everything posted so far

    def __enter__(self) -> "ProgressReporter":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
        ray.kill(self.actor)

    def _watch(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        (done, total), news = ray.get(self.actor.take.remote())
        for metrics in news:
            values = {name: value for name, value in metrics.items() if name != "epoch"}
            self._run.metrics(values, step=int(metrics["epoch"]))
            self._last_note = self._note(metrics)
            self.metrics.append(metrics)
        self._meter.update(done, total, self._last_note)
