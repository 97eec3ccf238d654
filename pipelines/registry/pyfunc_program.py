"""Where the program inside registered models lies, and a graph opened the way that program opens it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from components.model.conditioning import Goals
from components.model.inference import batch_step
from gfm_ra.inference.names import INPUT, NOISE_INPUT, OUTPUT
from gfm_ra.inference.noise import noise

# Kept as a path: importing it would announce a model to MLflow.
PATH = Path(__file__).with_name("pyfunc_model.py")


def open_session(path: Path, threads: int | None = None) -> onnxruntime.InferenceSession:
    """An ONNX graph on the CPU, on so many threads (all cores if None)."""
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def open_graph(path: Path) -> Callable[..., np.ndarray]:
    """An ONNX graph as a function from gain_db [B, K, K], and the goals if it wants any, to power [B, K].

    It runs in batches that bound the memory, as registered models do.
    """
    session = open_session(path)
    draws = NOISE_INPUT in {node.name for node in session.get_inputs()}

    def run(gain_db: np.ndarray, goals: Goals | None = None) -> np.ndarray:
        links, inputs = gain_db.shape[-1], {INPUT: gain_db}
        if goals is not None:
            inputs |= {"parameters": goals.parameters.numpy(), "weights": goals.weights.numpy()}
        shared = {NOISE_INPUT: noise(0, 1, links)} if draws else {}
        step = batch_step(links)
        parts = []
        for at in range(0, len(gain_db), step):
            part = {name: values[at : at + step] for name, values in inputs.items()}
            parts.append(np.asarray(session.run([OUTPUT], part | shared)[0]).reshape(-1, links))
        return np.concatenate(parts)

    return run
