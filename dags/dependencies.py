"""The source files and folders that each stage of a dvc.yaml must list: what can change its outputs.

Usage: python -m dags.dependencies [dvc.yaml] [--write]

A stage's import closure decides. Machinery, which changes no byte of an output, is left out (tests/dags/test_golden.py
holds it to that); of a room that a stage uses more than one module of, the stage lists the folder.
"""

import sys
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from pipelines.runtime.import_closure import ROOT, import_closure

# Files that a stage reads without importing them.
READ_AS_FILES = {
    "register": ("pipelines/registry/pyfunc_model.py",),
    "report": ("pipelines/reporting/report_page.html",),
    "train_worlds": (  # `initial` in dags/release
        "gfm_ra/weights/any-world-3/card.json",
        "gfm_ra/weights/any-world-3/network.npz",
    ),
    "city_tiles": ("gfm_ra/weights",),
    "benchmarks.worlds.__main__": ("gfm_ra/weights",),
    "benchmarks.certified.ratios": ("gfm_ra/weights",),
    "benchmarks.bands.__main__": ("gfm_ra/weights",),
}
# The locked versions of the libraries that can change bytes; every stage but `check` works with them.
VERSIONS = "versions.yaml"
SOURCES = ("gfm_ra/", "components/", "pipelines/", "dags/", "benchmarks/")
SUFFIXES = (".py", ".html")
# What no output's bytes depend on.
MACHINERY = (
    "pipelines/runtime/", "pipelines/cli/", "pipelines/cluster/session.py", "pipelines/cluster/authentication.py",
    "pipelines/cluster/sharding.py",
    "pipelines/cluster/progress_reporter.py", "pipelines/cluster/room.py", "pipelines/cluster/visibility.py",
    "pipelines/cluster/workers.py", "components/config.py", "gfm_ra/errors.py", "gfm_ra/processors.py",
    "gfm_ra/core/loader.py", "gfm_ra/cli/", "gfm_ra/explain/", "gfm_ra/familiarity/",
    "gfm_ra/inference/registered.py",
    "dags/within.py",
)  # fmt: skip
# Rooms of modules that do not belong together as results go: listed module by module.
BY_MODULE = (
    "gfm_ra",
    "gfm_ra/core",
    "gfm_ra/weights",
    "components",
    "pipelines",
    "pipelines/stages",
    "pipelines/studies",
    "pipelines/cluster",
    "dags",
)
# A stage that lists single modules of a room although it uses several: others of that room change nothing for it.
EXACT = {"simulate": ("components/channel",)}
# Runs another module, named after the folder to run it in.
WITHIN = "dags.within"


def module_of(command: str) -> str:
    """The module that a stage's command runs: the word after `python -m`, or what `dags.within` is told to run."""
    words = command.split()
    first = words.index("-m") + 1
    module = words[first + 2] if words[first] == WITHIN else words[first]
    # A folder runs as a program by the module of this name in it.
    program = Path(*module.split("."), "__main__.py")
    return f"{module}.__main__" if (ROOT / program).is_file() else module


def counts(path: str) -> bool:
    """Whether a source file can change an output; a folder's `__init__.py` goes with the folder."""
    return not path.startswith(MACHINERY) and not path.endswith("__init__.py")


def expected(module: str) -> list[str]:
    """Sources that the stage with this module depends on: rooms, and single modules of others."""
    name = module.rpartition(".")[2]
    files = [path for path in map(str, import_closure(module)) if counts(path)]
    rooms: dict[str, list[str]] = {}
    for path in files:
        rooms.setdefault(str(Path(path).parent), []).append(path)
    found = {*READ_AS_FILES.get(name, ()), *READ_AS_FILES.get(module, ()), VERSIONS}
    for room, inside in rooms.items():
        whole = len(inside) > 1 and room not in (*BY_MODULE, *EXACT.get(name, ()))
        found |= {room} if whole else set(inside)
    return sorted(path for path in found if not is_below(path, found - {path}))


def is_below(path: str, listed: set[str]) -> bool:
    """Whether a path is one of those listed or lies in one of them."""
    return path in listed or any(str(parent) in listed for parent in Path(path).parents)


def is_source(dependency: str) -> bool:
    """Whether a dependency is code of this repository or its versions (data otherwise)."""
    code = dependency.endswith(SUFFIXES) or not dependency.startswith("dags/")
    return dependency == VERSIONS or (dependency.startswith(SOURCES) and code)


def differences(path: Path) -> dict[str, list[str]]:
    """Per stage, what is missing (+) from its dependencies or listed without need (-)."""
    found = {}
    for name, stage in YAML(typ="safe").load(path)["stages"].items():
        listed = {dependency for dependency in stage["deps"] if is_source(dependency)}
        wanted = set(expected(module_of(stage["cmd"])))
        lines = [f"+{file}" for file in sorted(wanted - listed)] + [
            f"-{file}" for file in sorted(listed - wanted)
        ]
        if lines:
            found[name] = lines
    return found


def write(path: Path) -> None:
    """Rewrite the code dependencies of every stage; comments and data dependencies stay."""
    layout = YAML()
    layout.width = 160
    layout.indent(mapping=2, sequence=4, offset=2)
    document = layout.load(path)
    for stage in document["stages"].values():
        data = [dependency for dependency in stage["deps"] if not is_source(dependency)]
        stage["deps"] = CommentedSeq([*data, *expected(module_of(stage["cmd"]))])
        stage["deps"].fa.set_flow_style()
    text = StringIO()
    layout.dump(document, text)
    path.write_text("".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines()))


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
