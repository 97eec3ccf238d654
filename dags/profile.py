"""Put a profile into params.yaml: `python -m dags.profile smoke`, or `... smoke dags/sweep` for another DAG's.

`python -m dags.profile restore` puts back the profile that was chosen last, after an experiment has changed values;
`python -m dags.profile show` says in one line what params.yaml holds.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from components.config import Strict
from dags.bands_params import load_bands
from dags.certified_params import load_certified
from dags.params import load, load_figures, load_release, load_sweep
from dags.worlds_params import load_worlds
from pipelines.runtime.errors import UserError
from pipelines.runtime.text import read_text

PROFILES = Path("dags/profiles")
PARAMS = Path("params.yaml")
CHOSEN = Path(".profile")  # beside params.yaml, untracked: the profile that was put there last
REPLACED = Path("params.replaced.yaml")  # beside it, untracked: values that `restore` took away
# Of the main DAG, on two cores.
DURATION = {
    "smoke": "4 to 8 minutes on two cores",
    "laptop": "20 to 25 minutes on two cores",
    "paper": "for a cluster of GPUs",
}
# A DAG's folder -> its profiles, its parameter file and what reads that.
MAIN, SWEEP, FIGURES, RELEASE = ".", "dags/sweep", "dags/figures", "dags/release"
WORLDS, CERTIFIED, BANDS = "dags/worlds", "dags/certified", "dags/bands"
DAGS: dict[str, tuple[Path, Path, Callable[[Path], Strict]]] = {
    MAIN: (PROFILES, PARAMS, load),
    SWEEP: (Path(SWEEP) / "profiles", Path(SWEEP) / PARAMS, load_sweep),
    FIGURES: (Path(FIGURES) / "profiles", Path(FIGURES) / PARAMS, load_figures),
    RELEASE: (Path(RELEASE) / "profiles", Path(RELEASE) / PARAMS, load_release),
    WORLDS: (Path(WORLDS) / "profiles", Path(WORLDS) / PARAMS, load_worlds),
    CERTIFIED: (Path(CERTIFIED) / "profiles", Path(CERTIFIED) / PARAMS, load_certified),
    BANDS: (Path(BANDS) / "profiles", Path(BANDS) / PARAMS, load_bands),
}


def names(dag: str = MAIN) -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in DAGS[dag][0].glob("*.yaml"))


def apply(name: str, dag: str = MAIN) -> None:
    """Copy the profile over the DAG's params.yaml, unless that holds values that would be lost.

    Raises:
        UserError: there is no such profile or DAG, or params.yaml holds uncommitted values of the user's own.
    """
    folder, params, read = _dag(dag)
    if name not in names(dag):
        raise UserError(f"there is no profile {name}: choose one of {', '.join(names(dag))}")
    source = folder / f"{name}.yaml"
    read(source)
    current = read_text(params) if params.is_file() else ""
    if current and current not in [*_known(dag), _committed(params)]:
        raise UserError(
            f"{params} holds values of your own that PROFILE={name} would overwrite: commit them, run make without "
            "PROFILE to use them, or give them up by `python -m dags.profile restore`"
        )
    params.write_text(read_text(source), encoding="utf-8")
    params.with_name(CHOSEN.name).write_text(f"{name}\n")


def restore(dag: str = MAIN) -> str:
    """Put back the profile that was chosen last, or the committed values where none was; what was put back.

    Values that this replaces are kept in params.replaced.yaml, unless some profile holds them anyway.

    Raises:
        UserError: there is no such DAG, or nothing to put back.
    """
    folder, params, _ = _dag(dag)
    chosen = params.with_name(CHOSEN.name)
    name = chosen.read_text().strip() if chosen.is_file() else ""
    content = read_text(folder / f"{name}.yaml") if name in names(dag) else _committed(params)
    if not content:
        raise UserError(
            f"{params} is in no commit and no profile was chosen: say PROFILE={'|'.join(names(dag))}"
        )
    # As bytes: what is put aside need not be text that can be read.
    current = params.read_bytes() if params.is_file() else b""
    known = [text.encode() for text in (content, *_known(dag), _committed(params))]
    if current and current not in known:
        params.with_name(REPLACED.name).write_bytes(current)
    params.write_text(content, encoding="utf-8")
    return f"the {name} profile" if name in names(dag) else "the committed values"


def describe(dag: str = MAIN) -> str:
    """What params.yaml holds, and for the main DAG how long a profile takes."""
    _, params, _ = _dag(dag)
    current = read_text(params) if params.is_file() else ""
    held = [name for name in names(dag) if read_text(DAGS[dag][0] / f"{name}.yaml") == current]
    if not held:
        return f"{params} holds values of your own (`python -m dags.profile restore` puts the profile back)"
    time = f": all of it takes {DURATION[held[0]]}" if dag == MAIN and held[0] in DURATION else ""
    return f"{params} holds the {held[0]} profile{time}"


def _dag(dag: str) -> tuple[Path, Path, Callable[[Path], Strict]]:
    if dag not in DAGS:
        raise UserError(f"there is no DAG {dag}: choose one of {', '.join(DAGS)}")
    return DAGS[dag]


def _known(dag: str) -> list[str]:
    return [read_text(DAGS[dag][0] / f"{name}.yaml") for name in names(dag)]


def _committed(params: Path) -> str:
    answer = subprocess.run(["git", "show", f"HEAD:./{params}"], capture_output=True, check=False)
    try:
        return answer.stdout.decode() if answer.returncode == 0 else ""
    except UnicodeDecodeError:
        raise UserError(f"{params} of the last commit is not UTF-8: save it as UTF-8 and commit it") from None


def main() -> None:
    """Apply the profile named on the command line, or one of the two commands."""
    choices = "|".join([*names(), "restore", "show"])
    try:
        if len(sys.argv) not in (2, 3):
            raise UserError(f"usage: python -m dags.profile {choices} [{SWEEP}|{FIGURES}|{RELEASE}]")
        action, dag = sys.argv[1], [*sys.argv, MAIN][2]
        if action == "show":
            print(describe(dag))  # noqa: T201 (what the command is for)
        elif action == "restore":
            print(f"{_dag(dag)[1]} holds {restore(dag)} again")  # noqa: T201 (the one line for the person)
        else:
            apply(action, dag)
    except UserError as error:
        print(f"profile: {error}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)


if __name__ == "__main__":
    main()
