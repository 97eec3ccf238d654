"""The program inside every registered model: checks a gain matrix, runs the ONNX graph, returns powers.

MLflow stores this file as it is and runs it where the model is loaded, so it imports nothing of this
repository: only mlflow, numpy and onnxruntime.
"""

import hashlib
import json
import logging
import os
from pathlib import Path

# Otherwise onnxruntime notes a device's identity and events in the home folder as soon as it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

LIMIT_DB = 200.0
# What a goal's parameters are unless given, for the model that takes any goal.
DEFAULTS = {"goal": "sum-rate", "alpha": 1.0, "min_rate": 0.3, "penalty": 15.0}
# Beyond these the slopes of the utility leave the range of float32.
LARGEST = {"alpha": 10.0, "min_rate": 100.0, "penalty": 1e6}
GOALS = ("sum-rate", "proportional-fair", "qos", "alpha-fair")
# The goal that each number belongs to.
GOAL_OF = {"alpha": "alpha-fair", "min_rate": "qos", "penalty": "qos"}
# A number that was not given: MLflow fills in the signature's defaults, so only a value that nobody means tells it.
UNSET = -1e300
# Goals that models are trained on unless their card says otherwise.
ENVELOPE = {"max_alpha": 2.0, "min_rate": (0.1, 1.0), "max_penalty": 30.0}
# What a graph's metadata call their word on unknown gains: "nan" if NaN stands for one.
TAKES_UNKNOWN = "unknown_gains"
# What a graph that takes noise calls it: [draws, K, 2]. Its powers are then [B, draws, K].
NOISE_INPUT, NOISE_SEED = "noise", 0
LARGEST_BATCH = 256
# A pass takes some 200 bytes for each gain of a batch: less than half a gigabyte, however many links and networks.
LARGEST_BATCH_GAINS = 2_097_152


class NoPowers(ValueError, ArithmeticError):
    """The graph's answer to a network is not a power in [0, 1] for every link."""


class PowerAllocator(PythonModel):
    """gain_db [B, K, K] float32 (row = receiver, column = transmitter) to power [B, K] in [0, 1]."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the graph; one thread, since single networks are too small to share.

        Raises:
            ValueError: the graph is not the one that was registered.
        """
        graph, checksum = (Path(context.artifacts[name]) for name in ("graph", "checksum"))
        if hashlib.sha256(graph.read_bytes()).hexdigest() != checksum.read_text().strip():
            raise ValueError(
                f"{graph} is damaged: its bytes are not those that were registered; copy it again"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self._graph = onnxruntime.InferenceSession(graph, options, providers=providers)
        self._draws = NOISE_INPUT in {node.name for node in self._graph.get_inputs()}
        self._takes_unknown = self._graph.get_modelmeta().custom_metadata_map.get(TAKES_UNKNOWN) == "nan"
        card = Path(context.artifacts.get("weights", "")) / "config.json"
        goals = json.loads(card.read_text()).get("goals") if card.is_file() else None
        self._envelope = ENVELOPE | (goals or {})

    # Without type hints: MLflow would convert the input to what they say.
    def predict(self, context, model_input, params=None):  # noqa: ANN001, ANN201 # pyright: ignore
        """Powers [B, K] for model_input, an array [B, K, K] or a mapping {"gain_db": array}; NaN is an unknown gain.

        params, for the model that takes any goal: goal (one of GOALS, default sum-rate), alpha of alpha-fair, min_rate
        (bit/s/Hz) and penalty of qos; weights, a list of K numbers, one priority per link, of which the ratios count.
        A goal beyond those that the model was trained on is answered, and a warning says "extrapolated".
        """
        gain_db = model_input["gain_db"] if isinstance(model_input, dict) else model_input
        inputs = self.prepare(gain_db, params or {})
        if self.any_goal and (beyond := outside(goal_parameters(params or {}), self._envelope)):
            logging.getLogger("gfm_ra").warning(
                "extrapolated: %s: check the powers or let WMMSE refine them", beyond
            )
        return self.run(inputs)

    @property
    def any_goal(self) -> bool:
        """Whether this model takes a goal."""
        return len(self._graph.get_inputs()) > 1

    def prepare(self, gain_db: object, params: dict) -> dict[str, np.ndarray]:
        """Checked inputs of the graph; those of several requests with the same K may be concatenated.

        Raises:
            ValueError: `checked`, `goal_parameters` and `checked_weights` say when.
        """
        inputs = {"gain_db": checked(np.asarray(gain_db), self._takes_unknown)}
        if self.any_goal:
            batch, links, _ = inputs["gain_db"].shape
            parameters = np.array([goal_parameters(params)], dtype=np.float32)
            inputs["parameters"] = np.repeat(parameters, batch, axis=0)
            inputs["weights"] = np.repeat(checked_weights(params.get("weights"), links)[None], batch, axis=0)
        return inputs

    def run(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Powers [B, K] of prepared inputs, in batches that bound the memory; may be called from several threads.

        Raises:
            NoPowers: the graph gave something else to a network.
        """
        batch, links, _ = inputs["gain_db"].shape
        step = max(1, min(LARGEST_BATCH, LARGEST_BATCH_GAINS // links**2))
        shared = {NOISE_INPUT: first_draw(links)} if self._draws else {}
        parts = []
        for start in range(0, batch, step):
            part = {name: values[start : start + step] for name, values in inputs.items()}
            parts.append(np.asarray(self._graph.run(["power"], part | shared)[0]).reshape(-1, links))
        power = np.concatenate(parts)
        bad = batch - int(np.all((power >= 0) & (power <= 1), axis=1).sum())  # NaN fails both
        if bad:
            raise NoPowers(f"the model's powers are not numbers in [0, 1] for {bad} of {batch} networks")
        return power


def first_draw(links: int) -> np.ndarray:
    """The noise [1, K, 2] by which links that are alike answer differently, the same for every network."""
    drawn = np.random.default_rng([NOISE_SEED, 0]).standard_normal((1, links, 2))
    return drawn.astype(np.float32)


def goal_parameters(params: dict) -> tuple[float, float, float]:
    """Alpha, min_rate and penalty of a goal.

    Raises:
        ValueError: there is no such goal, it does not have a number that was given, or that is not in its range.
    """
    given = {name: params[name] for name in DEFAULTS if not _missing(params.get(name))}
    values = DEFAULTS | given
    goal = values["goal"]
    if goal not in GOALS:
        raise ValueError(f"goal {str(goal)[:40]!r} is unknown: choose one of {', '.join(GOALS)}")
    for name, most in LARGEST.items():
        value = values[name]
        if name in given and goal != GOAL_OF[name]:
            raise ValueError(f"{name} belongs to goal {GOAL_OF[name]}: give both or neither")
        # Compared as it is: whole numbers may be too long for any float. NaN fails every comparison.
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 <= value <= most:
            raise ValueError(f"{name} must be a number from 0 to {most:g}, not {str(value)[:40]}")
    alpha, min_rate, penalty = (float(values[name]) for name in LARGEST)
    return {
        "sum-rate": (0.0, 0.0, 0.0),
        "proportional-fair": (1.0, 0.0, 0.0),
        "qos": (0.0, min_rate, penalty),
        "alpha-fair": (alpha, 0.0, 0.0),
    }[goal]


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float | np.floating) and float(value) == UNSET)


def outside(parameters: tuple[float, float, float], envelope: dict) -> str:
    """What of a goal lies beyond those that the model was trained on, in words; empty if nothing does."""
    alpha, min_rate, penalty = parameters
    low, high = envelope["min_rate"]
    if alpha != 1 and alpha > envelope["max_alpha"]:
        return f"alpha {alpha:g} is above {envelope['max_alpha']:g}"
    if min_rate * penalty == 0 or (min_rate, penalty) == (DEFAULTS["min_rate"], DEFAULTS["penalty"]):
        return ""
    if not low <= min_rate <= high:
        return f"min_rate {min_rate:g} is outside {low:g} to {high:g}"
    return (
        f"penalty {penalty:g} is above {envelope['max_penalty']:g}"
        if penalty > envelope["max_penalty"]
        else ""
    )


def checked_weights(weights: object, links: int) -> np.ndarray:
    """One priority per link, [K] float32; all 1 unless given.

    Raises:
        ValueError: they are not K finite numbers from 0 on, or all are 0.
    """
    values = np.asarray([] if weights is None else weights)
    if values.size == 0:
        return np.ones(links, dtype=np.float32)
    if values.dtype.kind not in "fiu" or values.shape != (links,):
        raise ValueError(
            f"weights must be {links} numbers, one per link, not {values.dtype} {list(values.shape)}"
        )
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError("weights must be finite, not negative, and not all 0")
    # Only their ratios matter; like this no magnitude is lost in float32.
    return (values / np.float64(np.max(values))).astype(np.float32)


def checked(gain_db: np.ndarray, takes_unknown: bool) -> np.ndarray:
    """The input as float32 [B, K, K], NaN where a gain is unknown.

    Raises:
        ValueError: it is not numeric, not [B, K, K], empty, infinite, or outside +-LIMIT_DB dB; a link's own gain is
            unknown, or any if the graph does not take that.
    """
    if gain_db.dtype.kind not in "fiu":
        raise ValueError(f"gain_db must be numbers, not {gain_db.dtype}")
    if gain_db.ndim != 3 or gain_db.shape[1] != gain_db.shape[2] or 0 in gain_db.shape:
        raise ValueError(f"gain_db must have shape [B, K, K] with B, K >= 1, not {list(gain_db.shape)}")
    if gain_db.dtype.kind != "f":
        gain_db = gain_db.astype(np.float64)  # the smallest whole number has no absolute value of its type
    if np.isinf(gain_db).any():
        raise ValueError("gain_db holds infinity: give dB values (a gain of zero is -100 dB or less)")
    check_unknown(np.isnan(gain_db), takes_unknown)
    worst = float(np.nanmax(np.abs(gain_db)))
    if worst > LIMIT_DB:
        raise ValueError(f"gain_db holds {worst:.0f} dB, beyond +-{LIMIT_DB:.0f} dB: are these linear gains?")
    return np.ascontiguousarray(gain_db, dtype=np.float32)


def check_unknown(unknown: np.ndarray, takes_unknown: bool) -> None:
    """Refuse unknown gains, True in [B, K, K], that powers cannot be set without.

    Raises:
        ValueError: a link's own gain is unknown, or any if the graph does not take that.
    """
    own = np.argwhere(np.diagonal(unknown, axis1=1, axis2=2))
    if len(own):
        network, link = own[0]
        raise ValueError(
            f"gain_db of link {link} itself is NaN (unknown) in network {network}: a link's own gain must be known"
        )
    if unknown.any() and not takes_unknown:
        raise ValueError("gain_db holds NaN (unknown), but this model needs every gain: register it again")


set_model(PowerAllocator())
