"""Laws of the HTTP interface: routes, methods, errors, limits, tokens, ids, counting, draining."""

import asyncio
import io
import json
import re

import jsonschema
import numpy as np
import pytest

import gfm_ra
from gfm_ra.server.application import _in_a_header
from gfm_ra.server.formats.openapi import document
from gfm_ra.server.settings import Limits
from tests.gfm_ra.server.asgi import Response, Served

NPY = "application/x-npy"
ROUTES = (
    "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/gfm-ra", "/v2/models/gfm-ra/ready", "/health", "/metrics",
    "/docs", "/openapi.json", "/v2/models/gfm-ra/versions/4", "/v2/models/gfm-ra/versions/4/ready",
)  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Served:
    return Served(limits=Limits(max_links=64, max_body=2**20))


def gains(batch: int, links: int) -> np.ndarray:
    values = np.random.default_rng(links).normal(10.0, 15.0, (batch, links, links)).astype(np.float32)
    values[:, range(links), range(links)] += 25.0
    return values


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def test_powers_are_the_library_s_by_every_road(served: Served) -> None:
    gain_db = gains(2, 6)
    expected = gfm_ra.load().allocate(gain_db=gain_db, goal="qos", min_rate=0.5).power
    one = served.post("/allocate", {"gain_db": gain_db.tolist(), "goal": "qos", "min_rate": 0.5})
    assert one.json["model"] == "any-world-4"
    np.testing.assert_allclose(one.json["power"], expected, atol=1e-5)  # JSON's gains are float64
    other = served.ask("POST", "/allocate?goal=qos&min_rate=0.5", npy(gain_db), content_type=NPY)
    np.testing.assert_array_equal(np.load(io.BytesIO(other.body)), expected)
    assert other.headers["content-type"] == NPY
    assert other.headers["gfm-ra-model"] == "any-world-4"
    tensor = {"name": "gain_db", "shape": [2, 6, 6], "datatype": "FP32", "data": gain_db.tolist()}
    third = served.post(
        "/v2/models/gfm-ra/infer", {"inputs": [tensor], "parameters": {"goal": "qos", "min_rate": 0.5}}
    )
    (output,) = third.json["outputs"]
    np.testing.assert_allclose(np.reshape(output["data"], output["shape"]), expected, atol=1e-6)


def test_energy_efficiency_is_the_library_s_alone_and_together(served: Served) -> None:
    gain_db, weights = gains(2, 6), np.array([[1.0] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    options = {"goal": "energy-efficiency", "circuit_power": 0.5}
    expected = gfm_ra.load().allocate(gain_db=gain_db, weights=weights, **options).power

    async def both() -> list[Response]:
        bodies = [
            json.dumps(
                {"gain_db": gain_db[row].tolist(), "weights": weights[row].tolist()} | options
            ).encode()
            for row in range(2)
        ]
        asked = [served.asked("POST", "/allocate", body, content_type="application/json") for body in bodies]
        return await asyncio.gather(*asked)

    for row, answer in enumerate(asyncio.run(both())):
        assert answer.json["notes"] == []
        np.testing.assert_allclose(answer.json["power"], expected[row : row + 1], atol=1e-6)
    fast = served.post("/allocate", {"gain_db": gain_db.tolist(), "effort": "fast"} | options)
    passed = gfm_ra.load().allocate(gain_db=gain_db, effort="fast", **options).power
    np.testing.assert_allclose(fast.json["power"], passed, atol=1e-5)
    large = served.ask(
        "POST", "/allocate?goal=energy-efficiency&circuit_power=0.5", npy(gains(150, 12)), content_type=NPY
    )
    whole = gfm_ra.load().allocate(gain_db=gains(150, 12), **options).power
    np.testing.assert_array_equal(np.load(io.BytesIO(large.body)), whole)


@pytest.mark.parametrize("path", ROUTES)
def test_what_is_read_answers_get_head_and_options(served: Served, path: str) -> None:
    assert served.ask("GET", path).status == 200
    assert served.ask("HEAD", path).status == 200
    options = served.ask("OPTIONS", path)
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    wrong = served.ask("DELETE", path)
    assert wrong.status == 405
    assert "GET" in wrong.headers["allow"]
    asked = served.ask("GET", f"{path}?verbose=1")
    assert asked.status == 400
    assert "verbose" in asked.json["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/none", 404, "there are /allocate"), ("GET", "/", 404, "/docs"), ("GET", "/allocate", 405, "GET"),
        ("GET", "/v2/models/other", 404, "this server has gfm-ra"),
        ("GET", "/v2/models/gfm-ra/versions/9", 404, "there is 4"),
        ("POST", "/v2/models/gfm-ra/versions/9/infer", 404, "there is 4"),
        ("POST", "/v2/models/x/infer", 404, "no model x"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(served: Served, method: str, path: str, status: int, said: str) -> None:
    found = served.ask(method, path)
    assert found.status == status
    assert said in found.json["error"]


def test_metadata_says_what_the_protocol_asks_for(served: Served) -> None:
    server = served.ask("GET", "/v2").json
    assert server["name"] == "gfm-ra"
    assert server["extensions"] == ["binary_tensor_data"]
    model = served.ask("GET", "/v2/models/gfm-ra").json
    assert model["versions"] == ["4"]
    assert {each["name"]: each["shape"] for each in model["inputs"]}["gain_db"] == [-1, -1, -1]
    assert model["outputs"] == [{"name": "power", "datatype": "FP32", "shape": [-1, -1]}]


def test_errors_are_those_of_http(served: Served) -> None:
    body = json.dumps({"gain_db": [[1.0]]}).encode()
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json", ""):
        assert served.ask("POST", "/allocate", body, content_type=kind).status == 200
    assert served.ask("POST", "/allocate", body, content_encoding="identity").status == 200
    for headers in (
        {"content_type": "text/csv"},
        {"content_encoding": "gzip"},
        {"content_type": "application/octet-stream"},
    ):
        assert served.ask("POST", "/allocate", body, **headers).status == 415
    assert served.ask("POST", "/v2/models/gfm-ra/infer", body, content_type="text/csv").status == 415
    assert served.ask("POST", "/allocate?goal=qos", body).status == 400
    assert served.post("/allocate", {"gain_db": "x"}).status == 422
    assert served.post("/allocate", {"gain_db": np.zeros((65, 65)).tolist()}).status == 413
    assert served.ask("POST", "/allocate", b" " * 2**21).status == 413
    assert served.ask("POST", "/allocate", b" " * (2**20 + 1), chunks=20).status == 413
    assert served.ask("POST", "/allocate", b"no json").status == 400
    assert served.application.bytes_under_way == 0


def test_a_body_in_pieces_is_a_body(served: Served) -> None:
    found = served.ask("POST", "/allocate", npy(gains(1, 20)), chunks=7, content_type=NPY)
    assert np.load(io.BytesIO(found.body)).shape == (1, 20)


def test_notes_come_with_every_answer(served: Served) -> None:
    weak = np.full((1, 2, 2), -40.0, np.float32)
    assert "own gain" in served.post("/allocate", {"gain_db": weak.tolist()}).json["notes"][0]
    found = served.ask("POST", "/allocate", npy(weak), content_type=NPY)
    assert "own gain" in json.loads(found.headers["gfm-ra-notes"])[0]


def test_a_token_is_asked_for_but_not_by_those_who_watch() -> None:
    served = Served(token="secret")
    body = npy(gains(1, 3))
    for given in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "secret"},
        {"authorization": "Bearer secr\xe9t"},
    ):
        found = served.ask("POST", "/allocate", body, content_type=NPY, **given)
        assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer")
    assert (
        served.ask("POST", "/allocate", body, content_type=NPY, authorization="Bearer secret").status == 200
    )
    for path in ("/health", "/v2/health/live", "/v2/health/ready", "/metrics"):
        assert served.ask("GET", path).status == 200
    assert served.ask("GET", "/v2/models/gfm-ra").status == 401


def test_requests_have_ids(served: Served) -> None:
    assert served.ask("GET", "/health", x_request_id="mine").headers["x-request-id"] == "mine"
    first, second = (served.ask("GET", "/health").headers["x-request-id"] for _ in range(2))
    assert first != second
    for odd in ("", "a b", "\xff", "a" * 1000):
        answered = served.ask("GET", "/health", x_request_id=odd).headers["x-request-id"]
        assert answered != odd
        assert len(answered) <= 128


def test_a_slash_at_the_end_changes_nothing(served: Served) -> None:
    assert served.ask("GET", "/health/").status == 200
    assert served.ask("GET", "/v2/models/gfm-ra/ready/").status == 200
    assert served.ask("POST", "/allocate/", npy(gains(1, 3)), content_type=NPY).status == 200


def test_metrics_count_what_happens() -> None:
    served = Served()
    served.post("/allocate", {"gain_db": gains(3, 4).tolist(), "goal": "qos"})
    served.post("/allocate", {"gain_db": "x"})
    for path in ("/a", "/b", "/v2/models/x/y/z"):
        served.ask("GET", path)
    text = served.ask("GET", "/metrics").body.decode()
    assert 'gfm_ra_http_requests_total{method="POST",route="/allocate",status="200"} 1.0' in text
    assert 'gfm_ra_http_requests_total{method="POST",route="/allocate",status="422"} 1.0' in text
    assert 'gfm_ra_http_requests_total{method="GET",route="other",status="404"} 2.0' in text
    assert 'gfm_ra_networks_total{effort="balanced",goal="qos"} 3.0' in text
    assert 'gfm_ra_model_info{model="any-world-4",version="4"} 1.0' in text
    names = re.findall(r"# TYPE (\\S+) (\\S+)", text)
    assert all(name.startswith("gfm_ra_") for name, _ in names)
    assert all(name.endswith("_total") for name, kind in names if kind == "counter")


def test_beyond_its_limits_it_says_when_to_come_again() -> None:
    gain_db = json.dumps({"gain_db": gains(1, 4).tolist()}).encode()

    async def crowd(served: Served, clients: list[str]) -> list[Response]:
        return await asyncio.gather(
            *(served.asked("POST", "/allocate", gain_db, client=name) for name in clients)
        )

    busy = asyncio.run(crowd(Served(limits=Limits(max_requests=3)), list("abcde")))
    assert sorted(found.status for found in busy) == [200, 200, 200, 503, 503]
    greedy = asyncio.run(crowd(Served(limits=Limits(max_per_client=2)), list("aaaab")))
    assert [found.status for found in greedy] == [200, 200, 429, 429, 200]
    full = asyncio.run(crowd(Served(limits=Limits(max_bytes=len(gain_db) + 10)), list("ab")))
    assert sorted(found.status for found in full) == [200, 503]
    refused = [found for found in (*busy, *greedy, *full) if found.status != 200]
    assert all(found.headers["retry-after"] == "1" for found in refused)


def test_who_asks_an_ending_server_is_told_to_go() -> None:
    served = Served()
    served.application.drain()
    for path, status in (
        ("/v2/health/ready", 503),
        ("/health", 503),
        ("/v2/health/live", 200),
        ("/metrics", 200),
    ):
        assert served.ask("GET", path).status == status
    found = served.post("/allocate", {"gain_db": [[1.0]]})
    assert (found.status, found.headers["connection"], found.headers["retry-after"]) == (503, "close", "1")
    assert served.ask("GET", "/v2/health/ready").json == {"ready": False}


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    served = Served(limits=Limits(timeout_s=0.0001))
    found = served.ask("POST", "/allocate?effort=best", npy(gains(200, 40)), content_type=NPY)
    assert found.status == 503
    assert "no answer in time" in found.json["error"]


def test_what_no_answer_could_repeat_is_refused_as_json(served: Served) -> None:
    tensor = {"name": "gain_db", "shape": [1, 1, 1], "datatype": "FP32", "data": [1.0]}
    for path, body in (
        ("/allocate", b'{"\\ud800": 1}'),
        ("/v2/models/gfm-ra/infer", json.dumps({"inputs": [tensor], "model_name": "\ud800"}).encode()),
        ("/v2/models/gfm-ra/infer", json.dumps({"inputs": [tensor], "id": "\ud800"}).encode()),
    ):
        found = served.ask("POST", path, body)
        assert found.status == 400
        assert "no character" in found.json["error"]


def test_notes_in_a_header_stay_json() -> None:
    told = _in_a_header([f"note number {number} is this long" for number in range(1000)])
    assert len(told) <= 6000
    kept = json.loads(told)
    assert kept[-1] == f"{1000 - len(kept) + 1} further notes: ask for JSON"


def test_a_fault_is_one_request_s_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken inside")

    with monkeypatch.context() as patch:
        patch.setattr(gfm_ra.Allocator, "allocate", broken)
        found = served.post("/allocate", {"gain_db": [[1.0]]})
    assert found.status == 500
    assert "broken inside" not in found.body.decode()
    assert "broken inside" in caplog.text
    assert served.post("/allocate", {"gain_db": [[1.0]]}).status == 200


def test_the_document_describes_what_there_is(served: Served) -> None:
    found = served.ask("GET", "/openapi.json").json
    assert found["openapi"].startswith("3.1")
    for path, methods in found["paths"].items():
        for method in methods:
            status = served.ask("OPTIONS", path.replace("{name}", "gfm-ra"))
            assert method.upper() in status.headers["allow"]
    schemas = document(Limits())["components"]["schemas"]
    for path, schema in (("/allocate", "Allocate"), ("/v2/models/{name}/infer", "InferenceRequest")):
        content = found["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        jsonschema.validate(
            content["example"], {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}
        )
        answer = served.post(path.replace("{name}", "gfm-ra"), content["example"])
        assert answer.status == 200
        name = {"Allocate": "Powers", "InferenceRequest": "InferenceResponse"}[schema]
        jsonschema.validate(
            answer.json, {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        )
    page = served.ask("GET", "/docs").body.decode()
    assert "/v2/models/{name}/infer" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
