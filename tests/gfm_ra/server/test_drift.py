"""What the server answers is compared with a reference beside the requests: counted, bounded, and told as an alarm."""

import json
import logging
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from components.evaluation.familiarity import draw
from gfm_ra import InputError, Network
from gfm_ra.familiarity import fit, load
from gfm_ra.familiarity.packaged import TRAINED
from gfm_ra.server import drift
from gfm_ra.server.drift import MOST_GAINS, NETWORKS_AT_ONCE, Watch
from gfm_ra.server.metrics import Metrics
from tests.gfm_ra.server.asgi import Served


def usual(count: int, links: int = 10, seed: int = 0) -> np.ndarray:
    """Networks as the model was trained on, gain_db [count, K, K]."""
    return draw(TRAINED, links, count, seed)


def unusual(count: int, links: int = 10) -> np.ndarray:
    return np.zeros((count, links, links)) + 150.0 * np.eye(links)


def told(metrics: Metrics) -> dict[str, float]:
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


class Messages(logging.Handler):
    """What is logged, whichever handlers the server has set up."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    logger, handler = logging.getLogger("gfm_ra.server"), Messages()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.found
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_an_alarm_is_counted_and_logged_once_and_ends(logged: list[str]) -> None:
    metrics = Metrics()
    watch = Watch(load("trained"), metrics)
    for gain_db in (usual(50), unusual(50)):
        watch.offer(Network(gain_db=gain_db))
        while watch.look():
            pass
    assert told(metrics)["gfm_ra_drift_alarm"] == 1.0
    assert told(metrics)["gfm_ra_drift_evidence"] == pytest.approx(watch.drift.limit)
    watch.offer(Network(gain_db=usual(200, seed=1)))
    while watch.look():
        pass
    after = told(metrics)
    assert after["gfm_ra_drift_alarm"] == 0.0
    assert after["gfm_ra_drift_alarms_total"] == 1.0
    assert after["gfm_ra_drift_networks_totalcompared"] == after["gfm_ra_familiarity_count"] == 300.0
    assert len(logged) == 2
    assert logged[0].startswith("drift alarm: networks are unlike the reference trained")
    assert logged[1].endswith("drift alarm ended")


def test_every_answered_network_is_offered_whichever_way_it_is_asked() -> None:
    served = Served()
    gain_db = usual(3, 6)
    assert served.post("/allocate", {"gain_db": gain_db.tolist()}).status == 200
    assert served.post("/allocate", {"gain": (10.0 ** (gain_db[0] / 10.0)).tolist()}).status == 200
    tensor = {"name": "gain_db", "shape": [3, 6, 6], "datatype": "FP32", "data": gain_db.ravel().tolist()}
    assert served.post("/v2/models/gfm-ra/infer", {"inputs": [tensor]}).status == 200
    assert served.post("/allocate", {"gain_db": [[1, 2]]}).status == 422
    while served.application.watch.look():
        pass
    text = served.ask("GET", "/metrics").body.decode()
    assert 'gfm_ra_drift_networks_total{outcome="compared"} 7.0' in text


def test_hidden_gains_are_compared() -> None:
    gain_db = usual(4, 8)
    gain_db[:, 0, 1] = gain_db[:, 3, 2] = np.nan
    metrics = Metrics()
    watch = Watch(load("trained"), metrics)
    watch.offer(Network(gain_db=gain_db))
    assert watch.look()
    assert told(metrics)["gfm_ra_drift_networks_totalcompared"] == 4.0


def test_what_there_is_no_room_for_is_counted() -> None:
    metrics = Metrics()
    watch = Watch(load("trained"), metrics)
    room = MOST_GAINS // 100**2
    assert room > 1
    watch.offer(Network(gain_db=usual(room + 5, 100)))
    watch.offer(Network(gain_db=usual(1, 100)))
    watch.offer(Network(gain_db=usual(2, 200)))
    found = told(metrics)
    assert found["gfm_ra_drift_networks_totalskipped"] == 6.0
    assert found["gfm_ra_drift_networks_totalother size"] == 2.0
    while watch.look():
        pass
    assert told(metrics)["gfm_ra_drift_networks_totalcompared"] == room
    watch.offer(Network(gain_db=usual(room, 100)))
    assert told(metrics)["gfm_ra_drift_networks_totalskipped"] == 6.0


def test_a_network_that_is_larger_than_the_queue_is_compared() -> None:
    links = 300
    assert links**2 > MOST_GAINS
    metrics = Metrics()
    home = load("home")
    sizes = np.append(home.own.links[:-1], links)
    watch = Watch(home._replace(own=home.own._replace(links=sizes)), metrics)
    watch.offer(Network(gain_db=unusual(3, links)))
    watch.offer(Network(gain_db=unusual(1, links)))
    assert watch.look()
    watch.offer(Network(gain_db=unusual(1, links)))
    assert watch.look()
    assert not watch.look()
    found = told(metrics)
    assert found["gfm_ra_drift_networks_totalcompared"] == 2.0
    assert found["gfm_ra_drift_networks_totalskipped"] == 3.0


def test_sizes_between_those_of_a_reference_are_told_as_another_size() -> None:
    generator = np.random.default_rng(0)
    networks = [Network(gain_db=generator.normal(0.0, 8.0, (100, links, links))) for links in (4, 9)]
    metrics = Metrics()
    watch = Watch(fit(networks), metrics)
    watch.offer(Network(gain_db=unusual(2, 6)))
    assert told(metrics)["gfm_ra_drift_networks_totalother size"] == 2.0
    assert not watch.look()


def test_a_look_takes_a_bounded_number_of_small_networks() -> None:
    metrics = Metrics()
    watch = Watch(load("trained"), metrics)
    count = 2 * NETWORKS_AT_ONCE + 5
    for gain_db in np.array_split(unusual(count, 2), 7):
        watch.offer(Network(gain_db=gain_db))
    compared = []
    while watch.look():
        compared.append(told(metrics)["gfm_ra_drift_networks_totalcompared"])
    assert compared == [NETWORKS_AT_ONCE, 2 * NETWORKS_AT_ONCE, count]


def test_the_rest_counts_what_every_thread_of_a_comparison_used(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(load("trained"), Metrics())
    rests: list[float] = []

    def ended(rest_s: float) -> bool:
        rests.append(rest_s)
        return len(rests) > 1

    def look() -> bool:
        worker = threading.Thread(target=_busy, args=(0.05,))
        worker.start()
        worker.join()
        return True

    monkeypatch.setattr(watch, "look", look)
    monkeypatch.setattr(watch._ended, "wait", ended)
    watch._work()
    assert rests[1] >= 0.05 * (1.0 / drift.SHARE - 1.0)


def _busy(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def test_sizes_do_not_mix_in_one_comparison() -> None:
    watch = Watch(load("trained"), Metrics())
    for links in (4, 4, 7, 4):
        watch.offer(Network(gain_db=usual(2, links)))
    looks = 0
    while watch.look():
        looks += 1
    assert looks == 3


def test_the_thread_compares_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(load("trained"), Metrics())
    compared = threading.Event()
    look = watch.look
    monkeypatch.setattr(watch, "look", lambda: look() and (compared.set() or True))
    watch.begin()
    watch.offer(Network(gain_db=usual(3, 5)))
    assert compared.wait(10.0)
    watch.end()
    (thread,) = [each for each in threading.enumerate() if each.name == "drift"]
    thread.join(10.0)
    assert not thread.is_alive()


def test_nothing_is_watched_without_a_reference() -> None:
    served = Served(drift_reference="none")
    assert served.post("/allocate", {"gain_db": usual(1, 4).tolist()}).status == 200
    text = served.ask("GET", "/metrics").body.decode()
    assert "gfm_ra_drift_alarm 0.0" in text
    assert 'outcome="compared"' not in text


def test_a_reference_that_is_not_there_is_refused_before_anything_is_served() -> None:
    with pytest.raises(InputError, match=r"nowhere\.npz"):
        Served(drift_reference="nowhere.npz")


def test_an_alarm_does_not_touch_readiness() -> None:
    served = Served()
    served.application.watch.offer(Network(gain_db=unusual(60)))
    while served.application.watch.look():
        pass
    assert served.application.watch.drift.alarm
    assert json.loads(served.ask("GET", "/v2/health/ready").body) == {"ready": True}
