"""What /metrics tells of the service."""

import prometheus_client


class Measurements:
    """What /metrics tells of one replica."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        replica = {"registry": self.registry, "namespace": "gfm_ra"}
        self.requests = prometheus_client.Counter(
            "requests", "Requests by HTTP status", ["status"], **replica
        )
        self.snapshots = prometheus_client.Counter("snapshots", "Networks answered", **replica)
        self.waiting = prometheus_client.Gauge("requests_in_progress", "Requests not answered yet", **replica)
        self.together = prometheus_client.Histogram(
            "batch_size", "Small requests answered together", buckets=(1, 2, 4, 8, 16, 32), **replica
        )
        self.seconds = prometheus_client.Histogram(
            "request_duration_seconds", "From headers to answer",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10), **replica,
        )  # fmt: skip
