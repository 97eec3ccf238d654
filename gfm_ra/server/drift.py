"""Are the networks that are asked for like those of a reference? Watched beside the requests, in a thread of its own.

What is answered is put in a queue and compared a few networks at a time; the thread rests after each comparison, so
that it takes a fixed share of a core at most. What the queue has no room for is counted and not compared.
"""

import logging
import threading
import time
from collections import deque

import numpy as np

from gfm_ra.familiarity import Drift, Reference, load
from gfm_ra.network import Network
from gfm_ra.server.metrics import Metrics

LOG = logging.getLogger("gfm_ra.server")
NONE = "none"
"""What --drift-reference says where nothing is to be watched."""
SHARE = 0.01
"""Of a core, at most, for comparing."""
MOST_GAINS = 2**16
"""In the queue, which so holds what was answered lately only, 26 networks of 50 links; one of any size has room."""
NETWORKS_AT_ONCE = 64
"""Networks that are compared together at most, however small: with `_AT_ONCE` a look takes about a millisecond."""
_AT_ONCE = 2**14  # gains that are compared together, or one network
_IDLE_S = 0.05


def reference_of(source: str) -> Reference | None:
    """The reference that --drift-reference names, None for none.

    Raises:
        InputError: there is none of that name, or it is damaged.
    """
    return None if source == NONE else load(source)


class Watch:
    """A queue of answered networks, and the drift that they show."""

    def __init__(self, reference: Reference | None, metrics: Metrics) -> None:
        """Nothing is watched without a reference."""
        self.reference, self.metrics = reference, metrics
        self.drift = Drift()
        if reference is not None:  # looked up here, not with every request
            self._compared, self._skipped, self._other = (
                metrics.drift_networks.labels(outcome) for outcome in ("compared", "skipped", "other size")
            )
        self._waiting: deque[Network] = deque()
        self._gains = 0  # in the queue
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def offer(self, network: Network) -> None:
        """Take networks [B, K, K] that have been answered, as many of the first ones as there is room for."""
        if self.reference is None:
            return
        count, each = len(network), network.links**2
        if not self.reference.has(network.links):
            self._other.inc(count)
            return
        with self._lock:
            room = (MOST_GAINS - self._gains) // each
            # However large, one network is compared where none waits.
            kept = max(0, min(count, room if self._waiting else max(room, 1)))
            if kept > 0:
                # A part of a request is copied: the whole of it must not stay in memory.
                whole = kept == count
                self._waiting.append(network if whole else Network(gain_db=network[:kept].gain_db.copy()))
                self._gains += kept * each
        if kept < count:
            self._skipped.inc(count - kept)

    def begin(self) -> None:
        """Start to compare."""
        if self.reference is not None:
            threading.Thread(target=self._work, name="drift", daemon=True).start()

    def end(self) -> None:
        """Stop to compare."""
        self._ended.set()

    def _work(self) -> None:
        rest_s = _IDLE_S
        while not self._ended.wait(rest_s):
            # Not the thread's own time: matrix products may have threads of their own. What requests use meanwhile
            # counts too, so that less is compared under load.
            began = time.process_time()
            try:
                found = self.look()
            # Whatever a comparison may raise: requests are answered all the same.
            except Exception as error:
                LOG.error("a comparison with the reference failed", exc_info=error)
                found = True
            used_s = time.process_time() - began
            rest_s = max(used_s * (1.0 / SHARE - 1.0), 0.0 if found else _IDLE_S)

    def look(self) -> bool:
        """Compare a few networks of the queue; whether there were any."""
        assert self.reference is not None, "a watch without a reference does not begin"
        gain_db = self._taken()
        if gain_db is None:
            return False
        found = self.reference.of(gain_db)
        self._compared.inc(len(found))
        for one in found:
            self.metrics.familiarity.observe(float(one))
            before = self.drift.alarm
            if self.drift.add(float(one)):
                self.metrics.drift_alarms.inc()
                self._warn(found)
            elif before and not self.drift.alarm:
                LOG.info("networks are like the reference %s again: drift alarm ended", self.reference.name)
        self.metrics.drift_evidence.set(max(0.0, self.drift.evidence))
        self.metrics.drift_alarm.set(float(self.drift.alarm))
        return True

    def _warn(self, found: np.ndarray) -> None:
        name = "" if self.reference is None else self.reference.name
        LOG.warning(
            "drift alarm: networks are unlike the reference %s (of the latest %d, half have a familiarity of at most "
            "%.2g)", name, len(found), float(np.median(found)),
        )  # fmt: skip

    def _taken(self) -> np.ndarray | None:
        """Networks of one size from the front of the queue, gain_db [n, K, K]."""
        with self._lock:
            if not self._waiting:
                return None
            links, parts = self._waiting[0].links, []
            room = max(1, min(NETWORKS_AT_ONCE, _AT_ONCE // links**2))
            while room and self._waiting and self._waiting[0].links == links:
                first = self._waiting.popleft()
                if len(first) > room:
                    self._waiting.appendleft(first[room:])
                    first = first[:room]
                parts.append(first)
                room -= len(first)
                self._gains -= len(first) * links**2
        return np.concatenate(
            [each.gain_db for each in parts]
        )  # in dB outside the lock, which requests take too
