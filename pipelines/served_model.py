"""The program inside every registered model: checks a gain matrix, runs the ONNX graph, returns powers.

MLflow stores this file as it is and runs it where the model is loaded, so it imports nothing of this
repository: only mlflow, numpy and onnxruntime.
"""

import numpy as np
import onnxruntime
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

LIMIT_DB = 200.0


class PowerAllocator(PythonModel):
    """gain_db [B, K, K] float32 (row = receiver, column = transmitter) to power [B, K] in [0, 1]."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the graph; one thread, since single networks are too small to share."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self._graph = onnxruntime.InferenceSession(context.artifacts["graph"], options, providers=providers)

    # Without type hints: MLflow would convert the input to what they say.
    def predict(self, context, model_input, params=None):  # noqa: ANN001, ANN201 # pyright: ignore
        """Powers [B, K] for model_input, an array [B, K, K] or a mapping {"gain_db": array}."""
        gain_db = model_input["gain_db"] if isinstance(model_input, dict) else model_input
        return self._graph.run(["power"], {"gain_db": checked(np.asarray(gain_db))})[0]


def checked(gain_db: np.ndarray) -> np.ndarray:
    """The input as float32 [B, K, K].

    Raises:
        ValueError: it is not numeric, not [B, K, K], empty, not finite, or outside +-LIMIT_DB dB.
    """
    if gain_db.dtype.kind not in "fiu":
        raise ValueError(f"gain_db must be numbers, not {gain_db.dtype}")
    if gain_db.ndim != 3 or gain_db.shape[1] != gain_db.shape[2] or 0 in gain_db.shape:
        raise ValueError(f"gain_db must have shape [B, K, K] with B, K >= 1, not {list(gain_db.shape)}")
    if not np.isfinite(gain_db).all():
        raise ValueError("gain_db holds NaN or infinity: give dB values (a gain of zero is -100 dB or less)")
    worst = float(np.abs(gain_db).max())
    if worst > LIMIT_DB:
        raise ValueError(f"gain_db holds {worst:.0f} dB, beyond +-{LIMIT_DB:.0f} dB: are these linear gains?")
    return np.ascontiguousarray(gain_db, dtype=np.float32)


set_model(PowerAllocator())
