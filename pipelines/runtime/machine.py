"""What this machine is, in words: for numbers that belong to it."""

import platform
from importlib.metadata import version
from pathlib import Path

SHOWN = ("torch", "ray", "mlflow", "dvc", "numpy", "numba", "onnxruntime")


def machine() -> str:
    """Processor, and the GPU if there is one."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    import torch  # seconds, which who counts cores need not wait

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{names[0] if names else platform.machine()}{gpu}"


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide numbers."""
    return {"python": platform.python_version()} | {name: version(name) for name in SHOWN}
