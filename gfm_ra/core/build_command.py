"""Compiles the core while setuptools builds a distribution that contains it."""

from pathlib import Path
from typing import Any, ClassVar

import objects  # beside this file: set-up scripts put this folder on the path
from setuptools import Command
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build
from setuptools.dist import Distribution

PACKAGE = "gfm_ra_core"


class BuildObjects(Command):
    """Compiles the objects into the package `gfm_ra_core`; an editable install compiles none."""

    user_options: ClassVar[list[Any]] = []

    def initialize_options(self) -> None:
        """No options yet."""
        self.build_lib = None
        self.editable_mode = False

    def finalize_options(self) -> None:
        """Where to compile to."""
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def run(self) -> None:
        """Compile."""
        if self.editable_mode:
            return
        try:
            objects.compile_all(self.folder)
        except objects.CompilerError as error:
            raise SystemExit(f"error: {error}") from None
        (self.folder / "__init__.py").write_text('"""Compiled objects of gfm_ra/core."""\n')

    @property
    def folder(self) -> Path:
        """The package among what is built."""
        return Path(str(self.build_lib)) / PACKAGE

    def get_outputs(self) -> list[str]:
        """Files that are made."""
        return [str(path) for path in self.folder.glob("*")]

    def get_source_files(self) -> list[str]:
        """Files that they are made from, relative to the distribution's root."""
        return [str(path.relative_to(Path.cwd())) for path in objects.source_files()]


class Build(build):
    """Builds the objects after everything else."""

    sub_commands: ClassVar[list[Any]] = [*build.sub_commands, ("build_objects", None)]


class AnyPythonWheel(bdist_wheel):
    """Tags the wheel for this platform and for every Python 3: the objects know nothing about Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Tag of the wheel."""
        return "py3", "none", super().get_tag()[2]


class WithObjects(Distribution):
    """A distribution whose files belong to a platform."""

    def has_ext_modules(self) -> bool:
        """True: the objects are not Python."""
        return True


ARGUMENTS: dict[str, Any] = {
    "distclass": WithObjects,
    "cmdclass": {"build": Build, "build_objects": BuildObjects, "bdist_wheel": AnyPythonWheel},
}
