"""Sign dvc.lock after a change of the code that leaves results as they are: `python -m dags.accept main ...`.

A smoke run of HEAD, in a clone of its own, must give the golden hashes; only then does `dvc commit` renew the lock
entries of the work tree, whose outputs must be there. Without hashes for this kind of processor nothing is signed.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from dags.golden import CHAINS, FOLDER, processor
from pipelines.runtime.errors import UserError


def main() -> None:
    """Run, compare, sign; exit 1 with one line, and nothing signed, where anything differs."""
    chains = sys.argv[1:]
    try:
        if not chains or not set(chains) <= set(CHAINS):
            raise UserError(f"usage: python -m dags.accept {{{','.join(CHAINS)}}} ...")
        accept(chains)
    except UserError as error:
        print(f"accept: {error}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)


def accept(chains: list[str]) -> None:
    """Compare a smoke run at HEAD with the golden hashes, and sign the chains' lock files.

    Raises:
        UserError: the work tree is not HEAD, no hashes were taken, a stage fails, or a hash differs.
    """
    if changed := _output(["git", "status", "--porcelain", "--untracked-files=no"]).strip():
        raise UserError(f"{changed.splitlines()[0].split()[-1]} is not committed: what runs is HEAD")
    path = FOLDER / f"{processor()}.json"
    kept = json.loads(path.read_text()) if path.is_file() else {}
    if absent := [chain for chain in chains if chain not in kept]:
        raise UserError(f"{path} holds nothing of {absent[0]}: no hashes were taken on such a processor")
    with tempfile.TemporaryDirectory(prefix="gfm-ra-accept-") as folder:
        clone = Path(folder) / "clone"
        _output(["git", "clone", "--quiet", str(Path.cwd()), str(clone)])
        for chain in dict.fromkeys(chains):
            _smoke_run(clone, chain)
        _in(clone, [sys.executable, "-m", "dags.golden", "check", *chains])
    for chain in chains:
        _in(Path.cwd(), ["dvc", "commit", "--force", str(CHAINS[chain] / "dvc.yaml")])
        print(f"accept: {CHAINS[chain] / 'dvc.lock'} is signed: every hash is as kept in {path}")  # noqa: T201


def _smoke_run(clone: Path, chain: str) -> None:
    _in(clone, [sys.executable, "-m", "dags.profile", "smoke", CHAINS[chain].as_posix()])
    _in(clone, ["dvc", "repro", str(CHAINS[chain] / "dvc.yaml")])


def _in(folder: Path, command: list[str]) -> None:
    """A command that may speak, with the folder's own code and none of the caller's services.

    Raises:
        UserError: it fails.
    """
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "PYTHONPATH": str(folder)}
    for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        environment.pop(name, None)
    if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
        raise UserError(f"`{' '.join(command)}` failed, see above: nothing was signed")


def _output(command: list[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(f"`{' '.join(command)}`: {answer.stderr.strip()}")
    return answer.stdout


if __name__ == "__main__":
    main()
