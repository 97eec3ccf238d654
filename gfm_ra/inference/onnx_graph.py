"""A network that was exported as an ONNX graph, run by onnxruntime on the processor."""

import os
from pathlib import Path

import numpy as np

from gfm_ra.errors import InputError, UserError
from gfm_ra.inference.names import INPUT, NOISE_INPUT, OUTPUT, PROMPT_INPUTS, TAKES_UNKNOWN
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import Prompt
from gfm_ra.solvers.threads import spread
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, to_gain_db

_PART_GAINS = 2**16
"""Gains that one call of the graph takes: enough networks to be quick, few enough to stay in the caches."""
_WORK_PER_GAIN = 40_000
"""Multiply-adds per gain: what decides from which size on threads are worth starting."""


class OnnxGraph:
    """gain_db [B, K, K] and a goal to power [B, K]; any B and K."""

    def __init__(self, path: Path) -> None:
        """Open a graph.

        Raises:
            UserError: onnxruntime is missing.
            InputError: the file is no graph of ours.
        """
        # Otherwise it notes a device's identity and events in the home folder.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime
        except ImportError:
            raise UserError(
                "this model is an ONNX graph, which needs onnxruntime: pip install 'gfm-ra[registry]'"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # networks are shared out between threads, not single products
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        # onnxruntime's exceptions have no common base and are made at import time.
        except Exception as error:
            if isinstance(error, OSError):
                raise
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} is no graph that onnxruntime {onnxruntime.__version__} reads: {reason}"
            ) from None
        names = {node.name for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        prompted = {INPUT, *PROMPT_INPUTS}
        if names not in ({INPUT}, prompted, {*prompted, NOISE_INPUT}) or OUTPUT not in outputs:
            raise InputError(
                f"{path} is a graph of something else: its inputs are {', '.join(sorted(names))}"
            )
        self.any_goal = len(names) > 1
        self.takes_noise = NOISE_INPUT in names
        about = self._session.get_modelmeta().custom_metadata_map
        self.takes_unknown = about.get(TAKES_UNKNOWN) == "nan"

    def powers(self, gain_db: np.ndarray, prompt: Prompt, threads: int | None = None) -> np.ndarray:
        """Powers float32 [B, K] of gain_db float32 [B, K, K], NaN where unknown; not checked."""
        return self._run(gain_db, prompt, noise(0, 1, gain_db.shape[-1]), threads)[:, 0]

    def draws(
        self, gain: np.ndarray, prompt: Prompt, given: np.ndarray, threads: int | None = None
    ) -> np.ndarray:
        """Powers float32 [B, D, K] of a graph that takes noise, one answer for each draw of `given` [D, K, 2]; not
        checked.

        gain : [B, K, K], linear, NaN where unknown.
        """
        gain_db = np.clip(to_gain_db(gain), LEAST_GAIN_DB, LARGEST_GAIN_DB).astype(np.float32)  # NaN stays
        return self._run(gain_db, prompt, np.asarray(given, dtype=np.float32), threads)

    def _run(self, gain_db: np.ndarray, prompt: Prompt, given: np.ndarray, threads: int | None) -> np.ndarray:
        """Powers [B, D, K]; a graph without noise has one answer, D = 1."""
        count, links, _ = gain_db.shape
        power = np.empty((count, len(given), links), dtype=np.float32)
        step = max(1, _PART_GAINS // links**2)
        parts = -(-count // step)

        def run(begin: int, end: int) -> None:
            for part in range(begin, end):
                rows = slice(part * step, (part + 1) * step)
                inputs = {INPUT: gain_db[rows]}
                if self.any_goal:
                    inputs |= {"parameters": prompt.parameters[rows], "weights": prompt.weights[rows]}
                if self.takes_noise:
                    inputs[NOISE_INPUT] = given
                found = np.asarray(self._session.run([OUTPUT], inputs)[0])
                power[rows] = found if self.takes_noise else found[:, None]

        spread(run, parts, _WORK_PER_GAIN * gain_db.size * len(given), threads)
        return power
