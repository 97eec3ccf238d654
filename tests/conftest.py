"""What every test shares: which warnings of third parties are not ours, and where the repository lies."""

import os
import sys
from pathlib import Path

import pytest
import torch

# Nothing may leave this machine, and no model of a test may think that it is watched on a terminal.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # a bare `pytest` does not put the working directory there
    sys.path.insert(0, str(ROOT))

# Everything else is an error (pyproject.toml). Message and category keep each entry narrow.
THIRD_PARTY_WARNINGS = (
    # MLflow 3.17 configures its tables in a way that SQLAlchemy will drop.
    "ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning",
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
