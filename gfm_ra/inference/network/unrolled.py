"""The unrolled network in the compiled core: its weights and its passes; gfm_ra/core/network says what it computes."""

import ctypes
import zlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.errors import InputError
from gfm_ra.goal_family import Numbers
from gfm_ra.inference.network.architecture import Architecture, sizes_of
from gfm_ra.inference.network.contract import NOTHING, Contract
from gfm_ra.inference.network.network_task import Estimator, Layer, NetworkTask, Round, Step
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import Prompt
from gfm_ra.solvers.threads import spread
from gfm_ra.units import db_to_linear

_ROWS_PER_BLOCK = 6  # as gfm_ra/core/network/layers.hpp
UNCERTAINTY, ENERGY_EFFICIENCY = "uncertainty", "energy-efficiency"
CIRCUIT_POWER = "circuit_power"
"""What the envelope calls a link's circuit power as it is radiated: times the amplifier's efficiency."""


class _Prepared(NamedTuple):
    """A task without the network, and what it was made of."""

    noise: np.ndarray
    prompt: Prompt
    task: NetworkTask


class UnrolledNetwork:
    """Gains and a goal to powers; any number of networks, links and draws."""

    any_goal = True
    takes_unknown = True
    knows: frozenset[str]
    """What it was trained for beside exact gains and the goals of the family: UNCERTAINTY, ENERGY_EFFICIENCY."""
    told: dict[Numbers | None, Numbers]
    """Numbers that the network is told instead of a goal's own, by these; None: for goals outside the family."""

    def __init__(self, architecture: Architecture, weights: dict[str, np.ndarray]) -> None:
        """A network of its weights.

        Raises:
            InputError: an array is missing, one too many, of another shape, or not finite.
        """
        self.architecture = architecture
        self._kept: list[np.ndarray] = []
        shapes = architecture.shapes()
        for name in sorted({*shapes, *weights}):
            if name not in weights or name not in shapes or np.shape(weights[name]) != shapes[name]:
                raise InputError(f"network: weights {name!r} are missing or do not fit the architecture")
            if not np.isfinite(weights[name]).all():
                raise InputError(f"network: weights {name!r} are not finite")
        self.weights = weights
        self.told = {}
        self.knows = frozenset()
        count = architecture.steps
        steps = (Step * count)(*(self._step(0 if architecture.shared else step) for step in range(count)))
        estimator = self._estimator()
        self._pointed_to = steps, estimator
        self._template = NetworkTask(
            start_into=self._layer("start.0"),
            start_outof=self._layer("start.2"),
            power_layer=self._row("power"),
            steps=steps,
            estimator=estimator,
            step_count=count,
            width=architecture.width,
            values=architecture.values,
            first_noise=architecture.first_noise,
        )
        self._last: _Prepared | None = None
        self._work_per_link = sum(array.size for array in self._kept)

    def powers(self, gain_db: np.ndarray, prompt: Prompt, threads: int | None = None) -> np.ndarray:
        """Powers float32 [B, K] of gain_db [B, K, K], NaN where unknown; not checked."""
        return self.draws(db_to_linear(gain_db), prompt, noise(0, 1, gain_db.shape[-1]), threads)[:, 0]

    def draws(
        self,
        gain: np.ndarray,
        prompt: Prompt,
        given: np.ndarray,
        threads: int | None = None,
        contract: Contract = NOTHING,
    ) -> np.ndarray:
        """Powers float32 [B, D, K], one answer for each draw of noise [D, K, 2]; not checked.

        gain : [B, K, K], linear, NaN where unknown; gains beyond -100 and 200 dB count as these.
        """
        gain = np.ascontiguousarray(gain, dtype=np.float32)
        (count, links, _), draws = gain.shape, len(given)
        power = np.empty((count, draws, links), dtype=np.float32)
        task = self.task(gain, prompt, given, power, contract)
        spread(lambda begin, end: _run(task, begin, end), count, self.work(count, links, draws), threads)
        return power

    def task(
        self,
        gain: np.ndarray | None,
        prompt: Prompt,
        given: np.ndarray,
        power: np.ndarray,
        contract: Contract = NOTHING,
    ) -> NetworkTask:
        """What is to be computed: gain [B, K, K], noise [D, K, 2] given, power [B, D, K] for the answers; float32,
        contiguous. Without gain, a sparse network's is told beside the task. The task keeps what it points to, but for
        gain and power."""
        last = self._last
        if last is not None and last.noise is given and last.prompt is prompt:
            prepared = last.task
        else:
            prepared = self._prepare(prompt, given)
        task = NetworkTask.from_buffer_copy(prepared)
        task.gain, task.power, task.links = None, address(power), power.shape[-1]
        if gain is not None:
            task.gain = address(gain)
        task.kept = prepared.kept
        for name, array in contract._asdict().items():
            if array is not None:
                kept = np.ascontiguousarray(array, dtype=np.float32)
                setattr(task, name, address(kept))
                task.kept = (*task.kept, kept)
        return task

    def _prepare(self, prompt: Prompt, given: np.ndarray) -> NetworkTask:
        """The task without what differs from network to network."""
        noise_, parameters, weights = (
            np.ascontiguousarray(array, dtype=np.float32)
            for array in (given, prompt.parameters, prompt.weights)
        )
        task = NetworkTask.from_buffer_copy(self._template)
        task.noise, task.parameters, task.weights = (
            array.__array_interface__["data"][0] for array in (noise_, parameters, weights)
        )
        task.draws, task.weight_rows = len(noise_), len(weights)
        task.kept = (parameters, weights, noise_)
        # Noise, and the prompt of a goal without weights, are the same read-only arrays from call to call.
        if not any(array.flags.writeable for array in (given, *prompt)):
            self._last = _Prepared(given, prompt, task)
        return task

    def work(self, count: int, links: int, draws: int, heard: int | None = None) -> int:
        """Multiply-adds of passes in which each link has `heard` gains; as many as there are links unless given."""
        neighbours = links if heard is None else heard
        return count * draws * links * (self._work_per_link + self.architecture.steps * 60 * neighbours)

    def _step(self, number: int) -> Step:
        name = f"steps.{number}"
        value = self._layer(f"{name}.value") if self.architecture.values else Layer(None, None, 0, 0)
        return Step(
            self._row(f"{name}.power"), value, self._layer(f"{name}.into"), self._layer(f"{name}.out")
        )

    def _estimator(self) -> Estimator:
        sizes = self.architecture.estimator
        names = [f"estimator.rounds.{number}" for number in range(sizes.rounds)]
        rounds = (
            Round(
                self._layer(f"{name}.value"),
                *self._guess(f"{name}.guess"),
                self._layer(f"{name}.into"),
                self._layer(f"{name}.out"),
                float(self.weights[f"{name}.guess.reverse"]),
            )
            for name in names
        )
        return Estimator(
            self._layer("estimator.start"),
            *self._guess("estimator.guess"),
            self._layer("estimator.excess"),
            self._layer("estimator.spread"),
            (Round * sizes.rounds)(*rounds),
            sizes.rounds,
            sizes.width,
            sizes.values,
            float(self.weights["estimator.guess.reverse"]),
        )

    def _guess(self, name: str) -> tuple[Layer, Layer]:
        return self._layer(f"{name}.receiver"), self._layer(f"{name}.transmitter")

    def _layer(self, name: str) -> Layer:
        """A layer as the core reads it: in blocks of rows, term by term."""
        matrix = self.weights[f"{name}.weight"]
        rows, terms = matrix.shape
        blocks = -(-rows // _ROWS_PER_BLOCK)
        padded = np.zeros((blocks * _ROWS_PER_BLOCK, terms), dtype=np.float32)
        padded[:rows] = matrix
        packed = padded.reshape(blocks, _ROWS_PER_BLOCK, terms).transpose(0, 2, 1)
        return Layer(self._keep(packed), self._keep(self.weights[f"{name}.bias"]), rows, terms)

    def _row(self, name: str) -> Layer:
        """A layer of one row, as it is."""
        matrix = self.weights[f"{name}.weight"]
        return Layer(self._keep(matrix), self._keep(self.weights[f"{name}.bias"]), *matrix.shape)

    def _keep(self, array: np.ndarray) -> int:
        self._kept.append(np.ascontiguousarray(array, dtype=np.float32))
        return address(self._kept[-1])


def read(path: Path, architecture: dict[str, Any]) -> UnrolledNetwork:
    """A network from its file, an .npz of float32 arrays, and the sizes that its card names.

    Raises:
        InputError: the file is none, or does not fit the sizes.
    """
    try:
        sizes = sizes_of(architecture)
    except (TypeError, KeyError):
        raise InputError(
            f"{path}: the card names an architecture that this version of gfm-ra does not compute: use the version "
            "that made it, or newer weights"
        ) from None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            weights = sizes.estimator.added() | {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged ({error}): copy the folder of weights again") from None
    return UnrolledNetwork(sizes, weights)


def _run(task: NetworkTask, begin: int, end: int) -> None:
    if _core().gfm_ra_network(ctypes.byref(task), begin, end) != 0:
        raise MemoryError(
            "the compiled network found no memory for its work arrays: answer fewer links at once"
        )


def _core() -> ctypes.CDLL:
    return _typed(loader.library())


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    core.gfm_ra_network.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return core
