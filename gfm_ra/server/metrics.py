"""What /metrics tells, in the format of Prometheus and by its naming rules; right with several workers.

Workers write into files of one folder (PROMETHEUS_MULTIPROC_DIR), which whoever answers reads together.
"""

import os
from pathlib import Path

import prometheus_client
from prometheus_client import multiprocess

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_FAMILIARITY = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_BYTES = tuple(4**power for power in range(5, 13))


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        named = {"registry": self.registry, "namespace": "gfm_ra"}
        self.requests = prometheus_client.Counter(
            "http_requests",
            "Requests answered, by route, method and status.",
            ("route", "method", "status"),
            **named,
        )
        self.seconds = prometheus_client.Histogram(
            "http_request_duration_seconds", "From a request's headers to the end of its answer.", ("route",),
            buckets=_SECONDS, **named,
        )  # fmt: skip
        self.size = prometheus_client.Histogram(
            "http_request_size_bytes", "Bodies of requests.", buckets=_BYTES, **named
        )
        self.waiting = prometheus_client.Gauge(
            "http_requests_in_progress", "Requests not answered yet.", multiprocess_mode="livesum", **named
        )
        self.networks = prometheus_client.Counter(
            "networks", "Networks answered, by goal and effort.", ("goal", "effort"), **named
        )
        self.together = prometheus_client.Histogram(
            "batch_size", "Requests answered in one call.", buckets=(1, 2, 4, 8, 16, 32, 64), **named
        )
        self.model = prometheus_client.Gauge(
            "model_info",
            "1 for the model that answers.",
            ("model", "version"),
            multiprocess_mode="livemax",
            **named,
        )
        self.familiarity = prometheus_client.Histogram(
            "familiarity", "How familiar answered networks are to the reference of the drift alarm.",
            buckets=_FAMILIARITY, **named,
        )  # fmt: skip
        self.drift_networks = prometheus_client.Counter(
            "drift_networks",
            "Networks compared with the reference, skipped as too many came, or of another size than it has.",
            ("outcome",),
            **named,
        )
        self.drift_evidence = prometheus_client.Gauge(
            "drift_evidence",
            "Logarithm of the evidence that networks are unlike the reference; the alarm comes at 13.8.",
            multiprocess_mode="livemax",
            **named,
        )
        self.drift_alarm = prometheus_client.Gauge(
            "drift_alarm",
            "1 while networks are unlike the reference.",
            multiprocess_mode="livemax",
            **named,
        )
        self.drift_alarms = prometheus_client.Counter(
            "drift_alarms", "How often the drift alarm was raised.", **named
        )
        self._children: dict[tuple[str, str, int], prometheus_client.Counter] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (route, method, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self.requests.labels(route, method, str(status))
        child.inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All workers' numbers."""
        if FOLDER not in os.environ:
            return prometheus_client.generate_latest(self.registry)
        together = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(together)
        return prometheus_client.generate_latest(together)


def forget(process: int) -> None:
    """Take a worker that has ended out of what is summed over living ones."""
    if FOLDER in os.environ and Path(os.environ[FOLDER]).is_dir():
        multiprocess.mark_process_dead(process)
