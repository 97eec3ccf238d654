"""What every test shares: which warnings of third parties are not ours, and where the repository lies."""

import os
import sys
from pathlib import Path

import hypothesis
import pytest
import torch

# Nothing may leave this machine, and no model of a test may think that it is watched on a terminal.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # a bare `pytest` does not put the working directory there
    sys.path.insert(0, str(ROOT))

# The same examples every time, and no stopwatch: a busy machine is not a defect.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")

# Everything else is an error (pyproject.toml). Message and category keep each entry narrow.
THIRD_PARTY_WARNINGS = (
    # MLflow 3.17 configures its tables in a way that SQLAlchemy will drop.
    "ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning",
    # Ray Data 2.60 sets, by itself, options of its own that it has deprecated.
    "ignore:`use_(push_based_shuffle|polars|arrow_tensor_v2)` is deprecated:DeprecationWarning",
    # MLflow 3.17, on importing mlflow.pyfunc, about type hints of its own.
    "ignore:.*Any type hint is inferred as AnyType:UserWarning",
    # Ray Serve 2.60, on being imported, in its own configuration.
    "ignore:Using extra keyword arguments on `Field` is deprecated:DeprecationWarning",
    # Ray 2.60 leaves a port that it has reserved for a node to the garbage collector.
    r"ignore:unclosed <socket.socket .* laddr=\('0\.0\.0\.0', 0\)>:ResourceWarning",
    # Advice of MLflow that registered models do not follow: an example would be stored with every version.
    "ignore:.*An input example was not provided:UserWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    for entry in THIRD_PARTY_WARNINGS:
        config.addinivalue_line("filterwarnings", entry)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tensors here are tiny: on a busy machine, threads that wait for each other cost a hundred times the work."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the repository; nothing may be written below it."""
    return ROOT
