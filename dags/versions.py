"""The locked versions of the libraries that can change a result's bytes: versions.yaml.

Usage: python -m dags.versions (writes it from the lock files)
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from gfm_ra.core import loader
from gfm_ra.core.objects import BASELINE
from pipelines.runtime.errors import UserError
from pipelines.runtime.import_closure import ROOT
from pipelines.runtime.text import read_text

PATH = ROOT / "versions.yaml"
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-torch.txt")
HEADER = (
    "# Versions of the libraries that can change a result's bytes, as locked; `make lock` writes them, "
    "stage check compares.\n"
)
LIBRARIES = (
    "llvmlite", "matplotlib", "numba", "numpy", "onnx", "onnxruntime", "onnxscript", "pyarrow", "safetensors", "scipy",
    "torch",
)  # fmt: skip


def check_installed(path: Path = PATH) -> None:
    """Compare what is installed with what is locked; a build's suffix such as +cpu is not compared.

    Raises:
        UserError: a library is missing or of another version, or the file does not say which are locked.
    """
    other = []
    for name, locked in _read(path).items():
        try:
            installed = version(name).partition("+")[0]
        except PackageNotFoundError:
            installed = "missing"
        if installed != locked:
            other.append(f"{name} is {installed}, locked {locked}")
    if other:
        raise UserError(
            f"{path}: {'; '.join(other)}: run `make install`, or `make lock` to accept the new versions"
        )


def _read(path: Path) -> dict[str, str]:
    remedy = "`make lock` or `git checkout versions.yaml` makes it again"
    try:
        versions = yaml.safe_load(read_text(path))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {remedy}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML ({' '.join(str(error).split())}): {remedy}") from None
    if not isinstance(versions, dict):
        raise UserError(f"{path} must name libraries and their versions: {remedy}")
    return versions


def check_core() -> None:
    """Compare the compiled core with its sources, and see that results will be those of other machines.

    Raises:
        UserError: it is missing or made from other sources, or the processor has no fused multiply-add.
    """
    if loader.instruction_set() == BASELINE:
        raise UserError(
            f"the solvers would use the instruction set {BASELINE}, whose results differ in their last digits for want "
            f"of a fused multiply-add: use a processor with AVX2 or NEON, or unset {loader.VARIABLE}"
        )
    loader.library()


def locked(locks: Sequence[Path] = LOCKS) -> dict[str, str]:
    """The libraries' versions in the lock files; what follows a version is its marker and its hashes."""
    lines = (line.split(" ")[0].partition("==") for lock in locks for line in lock.read_text().splitlines())
    found = {name: number for name, separator, number in lines if separator}
    return {name: found[name] for name in LIBRARIES}


def main() -> None:
    """Write versions.yaml."""
    PATH.write_text(HEADER + "".join(f'{name}: "{number}"\n' for name, number in locked().items()))


if __name__ == "__main__":
    main()
