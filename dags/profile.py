"""Put a profile into params.yaml: `python -m dags.profile smoke`, or `... smoke dags/sweep` for another DAG's."""

import subprocess
import sys
from pathlib import Path

from dags.params import load, load_compact, load_figures, load_sweep
from pipelines.runtime.errors import UserError

PROFILES = Path("dags/profiles")
PARAMS = Path("params.yaml")
# A DAG's folder -> its profiles, its parameter file and what reads that.
MAIN, SWEEP, COMPACT, FIGURES = ".", "dags/sweep", "dags/compact", "dags/figures"
DAGS = {
    MAIN: (PROFILES, PARAMS, load),
    SWEEP: (Path(SWEEP) / "profiles", Path(SWEEP) / PARAMS, load_sweep),
    COMPACT: (Path(COMPACT) / "profiles", Path(COMPACT) / PARAMS, load_compact),
    FIGURES: (Path(FIGURES) / "profiles", Path(FIGURES) / PARAMS, load_figures),
}


def names(dag: str = MAIN) -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in DAGS[dag][0].glob("*.yaml"))


def apply(name: str, dag: str = MAIN) -> None:
    """Copy the profile over the DAG's params.yaml, unless that holds values that would be lost.

    Raises:
        UserError: there is no such profile or DAG, or params.yaml holds uncommitted values of the user's own.
    """
    if dag not in DAGS:
        raise UserError(f"there is no DAG {dag}: choose one of {', '.join(DAGS)}")
    if name not in names(dag):
        raise UserError(f"there is no profile {name}: choose one of {', '.join(names(dag))}")
    folder, params, read = DAGS[dag]
    source = folder / f"{name}.yaml"
    read(source)
    current = params.read_text() if params.is_file() else ""
    known = [(folder / f"{other}.yaml").read_text() for other in names(dag)]
    if current and current not in [*known, _committed(params)]:
        raise UserError(
            f"{params} holds values of your own that PROFILE={name} would overwrite: commit them, or run "
            "make without PROFILE to use them"
        )
    params.write_text(source.read_text())


def _committed(params: Path) -> str:
    answer = subprocess.run(["git", "show", f"HEAD:./{params}"], capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else ""


def main() -> None:
    """Apply the profile named on the command line."""
    try:
        if len(sys.argv) not in (2, 3):
            raise UserError(f"usage: python -m dags.profile {'|'.join(names())} [{SWEEP}|{COMPACT}]")
        apply(*sys.argv[1:])
    except UserError as error:
        print(f"profile: {error}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)


if __name__ == "__main__":
    main()
