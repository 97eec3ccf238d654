"""Reads the files that stdin names, one by one, and says of each what came of it: for tests, which may kill it.

Usage: python reader_process.py < paths
"""

import json
import resource
import sys
import warnings
from pathlib import Path

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.gains import open_gains
from gfm_ra.files.plausibility import survey
from gfm_ra.files.weights import read_weights

ADDRESS_SPACE_BYTES = 8 * 2**30


def outcome(path: Path, unit: str | None) -> str:
    """`answered` or the refusal; what is neither comes through."""
    try:
        gains = open_gains(path, unit)
        survey(gains).summary()
        networks = 0
        for part in gains.parts():
            assert part.dtype in (np.float32, np.float64)
            assert part.shape[1:] == (gains.links, gains.links)
            networks += len(part)
        assert networks == gains.networks
    except InputError as error:
        return str(error)
    return "answered"


def weights(path: Path) -> str:
    """The same of a file of priorities."""
    try:
        assert read_weights(path, 3).shape == (3,)
    except InputError as error:
        return str(error)
    return "answered"


def main() -> None:
    """One line of JSON per file: the outcomes without a unit, in dB, and as weights; or what else was raised."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    warnings.simplefilter("error")
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        try:
            answers = [outcome(path, None), outcome(path, "db"), weights(path)]
        except BaseException as error:
            answers = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(answers), flush=True)  # noqa: T201 (the answer)


if __name__ == "__main__":
    main()
