"""Builds the compiled core into the wheel; everything else is in pyproject.toml.

An editable install takes no objects along: `make install` installs them as a distribution of their own.
"""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).resolve().parent / "gfm_ra" / "core"))

from build_command import ARGUMENTS

setup(**ARGUMENTS)
