"""Stage check: the whole of params.yaml, before the first stage that takes long."""

import sys
from pathlib import Path

from dags.params import load
from pipelines.errors import UserError

PARAMS = Path("params.yaml")
OUTPUT = Path("artifacts/check/params.ok")


def main() -> None:
    """Exit 0 and leave a file of constant content, or exit 1 with one line per faulty file."""
    try:
        load(PARAMS)
    except UserError as error:
        print(f"check: {error}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    # Constant, so that a changed parameter reruns this stage and then only the stages that use it.
    OUTPUT.write_text("params.yaml is valid\n")


if __name__ == "__main__":
    main()
