"""Run a stage in the folder of another DAG, with the params.yaml there.

Usage: python -m dags.within dags/sweep pipelines.stages.simulate

Runs are recorded where those of the main DAG are.
"""

import os
import runpy
import sys

from pipelines.runtime.runs import SQLITE, database_of, tracking_uri


def main() -> None:
    """Change to the folder and run the module as a program; what follows on the command line is the module's."""
    if len(sys.argv) < 3:
        sys.exit("usage: python -m dags.within FOLDER MODULE [ARGUMENT ...]")
    folder, module = sys.argv[1:3]
    # Absolute, since a relative path would mean the other folder from now on.
    uri = tracking_uri()
    database = database_of(uri)
    os.environ["MLFLOW_TRACKING_URI"] = uri if database is None else f"{SQLITE}{database.absolute()}"
    os.chdir(folder)
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
