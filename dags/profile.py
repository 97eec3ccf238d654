"""Put a profile's values into params.yaml: `python -m dags.profile smoke`."""

import subprocess
import sys
from pathlib import Path

from dags.params import load
from pipelines.errors import UserError

PROFILES = Path("dags/profiles")
PARAMS = Path("params.yaml")


def names() -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def apply(name: str) -> None:
    """Copy the profile over params.yaml, unless that holds values that would be lost.

    Raises:
        UserError: there is no such profile, or params.yaml holds uncommitted values of the user's own.
    """
    if name not in names():
        raise UserError(f"there is no profile {name}: choose one of {', '.join(names())}")
    source = PROFILES / f"{name}.yaml"
    load(source)
    current = PARAMS.read_text() if PARAMS.is_file() else ""
    known = [(PROFILES / f"{other}.yaml").read_text() for other in names()]
    if current and current not in [*known, _committed()]:
        raise UserError(
            f"{PARAMS} holds values of your own that PROFILE={name} would overwrite: commit them, or run "
            "`make repro` without PROFILE to use them"
        )
    PARAMS.write_text(source.read_text())


def _committed() -> str:
    answer = subprocess.run(["git", "show", f"HEAD:./{PARAMS}"], capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else ""


def main() -> None:
    """Apply the profile named on the command line."""
    try:
        if len(sys.argv) != 2:
            raise UserError(f"usage: python -m dags.profile {'|'.join(names())}")
        apply(sys.argv[1])
    except UserError as error:
        print(f"profile: {error}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)


if __name__ == "__main__":
    main()
