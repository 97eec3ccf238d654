"""Where the program inside registered models lies, and a graph opened the way that program opens it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

# Kept as a path: importing it would announce a model to MLflow.
PATH = Path(__file__).with_name("served_model.py")


def open_graph(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """An ONNX graph as a function from gain_db [B, K, K] to power [B, K]."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda gain_db: np.asarray(session.run(["power"], {"gain_db": gain_db})[0])
