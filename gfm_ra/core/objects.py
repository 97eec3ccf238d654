"""How the core's objects are compiled, and the digest that ties them to their sources.

One shared object per instruction set, from the same sources: in one binary the linker might share a template's code
between instruction sets. The interface is plain C, so that no Python or NumPy headers are needed, and one object serves
every Python. Needs the standard library alone: build back ends import this file by its path.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
BASELINE = "baseline"
NEON = "neon"
FLAGS: dict[str, dict[str, tuple[str, ...]]] = {
    "x86_64": {
        BASELINE: ("-march=x86-64",),
        "avx2": ("-march=x86-64", "-mavx2", "-mfma"),
        "avx512": ("-march=x86-64", "-mavx2", "-mfma", "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl"),
    },
    "aarch64": {NEON: ("-march=armv8-a",)},
}
"""Instruction sets of each kind of machine, the lowest first, and the flags that select them."""
COMMON_FLAGS = (
    "-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti",
    "-ffp-contract=off",  # a multiply-add is fused where the source says so and nowhere else
)  # fmt: skip
LINK_FLAGS = ("-shared", "-Wl,--as-needed", "-Wl,--strip-all")


class CompilerError(Exception):
    """No objects can be made; the message is one line that says what is missing."""


def machine() -> str:
    """The kind of machine as `FLAGS` names it: Linux on x86-64 or arm64."""
    found = platform.machine().lower().replace("amd64", "x86_64").replace("arm64", "aarch64")
    if found not in FLAGS or not sys.platform.startswith("linux"):
        raise CompilerError(
            f"gfm_ra_core: written for Linux on x86-64 or arm64, this is {sys.platform} on {found}"
        )
    return found


def object_name(instruction_set: str) -> str:
    """File name of the object for one instruction set."""
    return f"core-{instruction_set}.so"


def source_files(folder: Path = SOURCES) -> list[Path]:
    """The C++ sources, in the order of their names."""
    return sorted(path for pattern in ("*/*.hpp", "*/*.cpp") for path in folder.glob(pattern))


def digest(folder: Path = SOURCES) -> str:
    """Digest of the C++ sources and of this file, which holds the flags."""
    found = hashlib.sha256()
    for path in (*source_files(folder), folder / Path(__file__).name):
        found.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def compiler() -> list[str]:
    """Command of the C++ compiler: $CXX, or the first that is installed.

    Raises:
        CompilerError: there is none.
    """
    given = shlex.split(os.environ.get("CXX", ""))
    for command in [given] if given else [["g++"], ["c++"], ["clang++"]]:
        if shutil.which(command[0]):
            return command
    missing = f"CXX names {given[0]}, which is not there" if given else "there is no C++ compiler"
    raise CompilerError(
        f"gfm_ra_core: {missing}: install one (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; "
        "conda: conda install gxx) or install a ready-made wheel"
    )


def command(
    instruction_set: str, to: Path, kind: str, extra: tuple[str, ...] = (), folder: Path = SOURCES
) -> list[str]:
    """Compiler's arguments for one object."""
    translated = [str(path) for path in source_files(folder) if path.suffix == ".cpp"]
    flags = [
        *COMMON_FLAGS,
        *FLAGS[kind][instruction_set],
        f'-DGFM_RA_DIGEST="{digest(folder)}"',
        f"-I{folder}",
    ]
    return [*flags, *extra, *translated, *LINK_FLAGS, "-o", str(to / object_name(instruction_set))]


def compile_all(to: Path, extra: tuple[str, ...] = (), kind: str | None = None) -> list[Path]:
    """Compile the objects for every instruction set of this kind of machine into a folder; returns their paths.

    Raises:
        CompilerError: no compiler, or it failed; the message is one line, what the compiler wrote goes to stderr.
    """
    kind, program = kind or machine(), compiler()
    to.mkdir(parents=True, exist_ok=True)

    def one(instruction_set: str) -> Path:
        arguments = [*program, *command(instruction_set, to, kind, extra)]
        done = subprocess.run(arguments, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.stderr.write(done.stderr)
            raise CompilerError(
                f"gfm_ra_core: {program[0]} cannot compile the core for {instruction_set} (its words are above): "
                "g++ 12 or clang++ 15 or a later one is needed"
            )
        return to / object_name(instruction_set)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(one, reversed(FLAGS[kind])))
