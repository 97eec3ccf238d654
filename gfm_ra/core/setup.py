"""Builds the distribution `gfm-ra-core`: the compiled objects alone, without the package gfm_ra."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).resolve().parent))

from build_command import ARGUMENTS

setup(packages=[], py_modules=[], **ARGUMENTS)
