"""The source files that each stage of a dvc.yaml must list.

Usage: python -m dags.dependencies [dvc.yaml] [--write]
"""

import sys
from pathlib import Path

from ruamel.yaml import YAML

from pipelines.runtime.import_closure import import_closure

# Files that a stage reads without importing them.
READ_AS_FILES = {
    "register": ("pipelines/registry/pyfunc_model.py",),
    "report": ("pipelines/reporting/report_page.html",),
}
SOURCES = ("gfm_ra/", "components/", "pipelines/", "dags/")
SUFFIXES = (".py", ".html")
# Runs another module, named after the folder to run it in.
WITHIN = "dags.within"


def module_of(command: str) -> str:
    """The module that a stage's command runs: the word after `python -m`, or what `dags.within` is told to run."""
    words = command.split()
    first = words.index("-m") + 1
    return words[first + 2] if words[first] == WITHIN else words[first]


def expected(module: str) -> list[str]:
    """Source files that the stage with this module depends on."""
    extra = READ_AS_FILES.get(module.rpartition(".")[2], ())
    return sorted({*(str(path) for path in import_closure(module)), *extra})


def expected_of(command: str) -> list[str]:
    """Source files that the stage with this command depends on."""
    around = expected(WITHIN) if WITHIN in command.split() else []
    return sorted({*expected(module_of(command)), *around})


def is_source(dependency: str) -> bool:
    """Whether a dependency is code of this repository (data otherwise)."""
    return dependency.startswith(SOURCES) and dependency.endswith(SUFFIXES)


def differences(path: Path) -> dict[str, list[str]]:
    """Per stage, what is missing (+) from its dependencies or listed without need (-)."""
    found = {}
    for name, stage in YAML(typ="safe").load(path)["stages"].items():
        listed = {dependency for dependency in stage["deps"] if is_source(dependency)}
        wanted = set(expected_of(stage["cmd"]))
        lines = [f"+{file}" for file in sorted(wanted - listed)] + [
            f"-{file}" for file in sorted(listed - wanted)
        ]
        if lines:
            found[name] = lines
    return found


def write(path: Path) -> None:
    """Rewrite the code dependencies of every stage; comments and data dependencies stay."""
    layout = YAML()
    layout.width = 110
    layout.indent(mapping=2, sequence=4, offset=2)
    document = layout.load(path)
    for stage in document["stages"].values():
        data = [dependency for dependency in stage["deps"] if not is_source(dependency)]
        stage["deps"] = [*data, *expected_of(stage["cmd"])]
    with path.open("w") as file:
        layout.dump(document, file)


def main() -> None:
    """Report the differences, or mend them with --write."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    path = Path(arguments[0] if arguments else "dvc.yaml")
    if "--write" in sys.argv:
        write(path)
    found = differences(path)
    for stage, lines in found.items():
        print(f"{path}: {stage}: {' '.join(lines)}", file=sys.stderr)  # noqa: T201 (what this program is for)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
