"""The first stage of every DAG: the whole of its parameter file and the versions, before anything that takes long.

`python -m dags.check`, or `python -m dags.check dags/sweep` for another DAG's.
"""

import sys
from pathlib import Path

from dags.profile import DAGS, MAIN
from dags.versions import check_core, check_installed
from pipelines.runtime.errors import UserError

OUTPUT = Path("artifacts/check/params.ok")


def main(dag: str = MAIN) -> None:
    """Exit 0 and leave a file of constant content, or exit 1 with one line per faulty file."""
    try:
        if dag not in DAGS:
            raise UserError(f"there is no DAG {dag}: choose one of {', '.join(DAGS)}")
        _, params, read = DAGS[dag]
        read(params)
        check_installed()
        check_core()
    except UserError as error:
        print(f"check: {error}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)
    output = Path(dag) / OUTPUT
    output.parent.mkdir(parents=True, exist_ok=True)
    # Constant, so that a changed parameter reruns this stage and then only the stages that use it.
    output.write_text(f"{params} is valid\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
