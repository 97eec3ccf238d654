"""A client of `gfm-ra serve`: gains go out and powers come back as NumPy arrays; needs nothing but NumPy.

from gfm_ra.client import Client

with Client("http://127.0.0.1:8000") as client:
    answer = client.allocate(gain_db=gain_db, goal="qos", min_rate=0.5)
answer.power  # [B, K]
"""

import http.client
import io
import json
import ssl
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from gfm_ra.errors import UserError
from gfm_ra.units import linear_to_db

_NPY = "application/x-npy"
_LONGEST_WAIT_S = 30.0


class ServerError(UserError):
    """The server refused or could not be reached; `status` is that of HTTP, None without an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    power: np.ndarray
    """[B, K] float32, parts of full power; [K] for gains [K, K]."""
    model: str
    """Which model answered."""
    notes: tuple[str, ...]
    """What the reader of the powers should know, a line each."""


class Client:
    """One connection that is kept open; not for several threads at once."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 2,
    ) -> None:
        """A client; nothing is sent before the first request.

        Args:
            url: of the server, http or https.
            token: what the server was started with (GFM_RA_TOKEN).
            timeout_s: for an answer.
            retries: how often a request is sent again that was not taken (503, 429, a connection that was closed).

        Raises:
            ValueError: no such address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"client: url must be http://HOST:PORT or https://HOST:PORT, got {url!r}")
        self.url, self.retries, self._prefix = url.rstrip("/"), retries, parts.path.rstrip("/")
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=timeout_s, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)

    def allocate(
        self,
        *,
        gain: Any = None,  # noqa: ANN401 (whatever NumPy makes an array of)
        gain_db: Any = None,  # noqa: ANN401
        goal: str | None = None,
        alpha: float | None = None,
        min_rate: float | None = None,
        penalty: float | None = None,
        circuit_power: float | None = None,
        amplifier_efficiency: float | None = None,
        energy_kind: str | None = None,
        weights: Any = None,  # noqa: ANN401
        effort: str | None = None,
        seed: int | None = None,
    ) -> Answer:
        """Powers; arguments as of `gfm_ra.Allocator.allocate`, gains [K, K] or [B, K, K], NaN where unknown.

        Raises:
            ValueError: not exactly one of gain and gain_db.
            ServerError: the server refused, or cannot be reached.
        """
        if (gain is None) == (gain_db is None):
            raise ValueError("client: give either gain (linear) or gain_db (dB over noise)")
        if gain is not None and (np.asarray(gain, np.float64) < 0).any():
            raise ValueError("client: linear gains are not negative; are these dB (gain_db=)?")
        values = np.asarray(gain_db) if gain is None else linear_to_db(np.asarray(gain, np.float64))
        if values.dtype != np.float64:
            values = values.astype(np.float32)
        options: dict[str, Any] = {
            "goal": goal, "alpha": alpha, "min_rate": min_rate, "penalty": penalty, "circuit_power": circuit_power,
            "amplifier_efficiency": amplifier_efficiency, "energy_kind": energy_kind, "effort": effort, "seed": seed,
        }  # fmt: skip
        options = {name: value for name, value in options.items() if value is not None}
        if weights is not None and np.ndim(weights) > 1:
            body = {"gain_db": _nulls(values), "weights": np.asarray(weights).tolist()} | options
            found, _ = self._ask("POST", "/allocate", json.dumps(body).encode(), "application/json")
            told = json.loads(found)
            power = np.asarray(told["power"], np.float32)
            return Answer(power[0] if values.ndim == 2 else power, told["model"], tuple(told["notes"]))
        if weights is not None:
            options["weights"] = ",".join(repr(float(weight)) for weight in np.asarray(weights))
        out = io.BytesIO()
        np.save(out, values)
        query = f"?{urlencode(options)}" if options else ""
        found, headers = self._ask("POST", f"/allocate{query}", out.getvalue(), _NPY)
        power = np.load(io.BytesIO(found), allow_pickle=False)
        notes = tuple(json.loads(headers.get("gfm-ra-notes", "[]")))
        return Answer(power[0] if values.ndim == 2 else power, headers.get("gfm-ra-model", ""), notes)

    def ready(self) -> bool:
        """Whether the server takes requests."""
        try:
            self._ask("GET", "/v2/health/ready", b"", "", retries=0)
        except ServerError:
            return False
        return True

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        self._connection.close()

    def __enter__(self) -> "Client":
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def _ask(
        self, method: str, path: str, body: bytes, kind: str, retries: int | None = None
    ) -> tuple[bytes, http.client.HTTPMessage]:
        """The body of an answer with status 200, and its headers."""
        left = self.retries if retries is None else retries
        headers = self._headers | ({"content-type": kind} if kind else {})
        while True:
            try:
                self._connection.request(method, self._prefix + path, body or None, headers)
                response = self._connection.getresponse()
                found = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if left <= 0 or isinstance(error, TimeoutError):  # which it may have taken
                    raise ServerError(
                        f"{self.url} cannot be reached: {error or type(error).__name__}"
                    ) from None
                left -= 1
                continue
            if response.status == 200:
                return found, response.headers
            if response.status not in (429, 503) or left <= 0:
                raise ServerError(f"{self.url} refused: {_said(found)}", response.status)
            left -= 1
            time.sleep(_wait_s(response.headers.get("retry-after")))


def _nulls(values: np.ndarray) -> list[Any]:
    """Nested lists, None where unknown."""
    found = values.astype(object)
    found[np.isnan(values)] = None
    return found.tolist()


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace") or "no reason was given"


def _wait_s(retry_after: str | None) -> float:
    return min(float(retry_after), _LONGEST_WAIT_S) if retry_after and retry_after.isdecimal() else 1.0
