"""`gfm-ra familiarity`: how much networks are like those that the model knows, or like those of an own reference."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gfm_ra.network import Network

TEXT = "How much networks are like those that the model knows."
EXAMPLES = (
    "  gfm-ra familiarity gains.npz\n"
    "  gfm-ra familiarity site-8-links.npz site-12-links.npz --fit own.npz\n"
    "  gfm-ra familiarity new.npz --reference own.npz"
)
_UNUSUAL = 0.05


def arguments(one: argparse.ArgumentParser) -> None:
    """What can be said."""
    one.add_argument("gains", metavar="FILE", nargs="+", help="gains, K x K or many of them; `-` reads stdin")
    one.add_argument("--reference", metavar="NAME|FILE",
                     help="what to compare with: trained (default), all networks of the training; home, the paper's "
                     "scenarios; a file of --fit")  # fmt: skip
    one.add_argument(
        "--fit", metavar="OUT", help="write a reference of these networks, .npz, instead of comparing"
    )
    one.add_argument("--unit", type=str.lower, choices=("linear", "db"),
                     help="of the gains; linear unless the name says dB")  # fmt: skip
    one.add_argument("--db", action="store_true", help="the same as --unit db")
    one.add_argument("--orientation", choices=("rows-are-receivers", "rows-are-transmitters"),
                     help="what a row is (default: rows-are-receivers)")  # fmt: skip
    one.add_argument("--format", help="of stdin: csv, tsv, json, npy")
    one.add_argument("--strict", action="store_true", help="refuse what looks wrong instead of saying so")
    one.set_defaults(module="familiarity")


def command(chosen: argparse.Namespace) -> int:
    """Compare, or make a reference."""
    from gfm_ra.cli.question import STANDARD
    from gfm_ra.errors import InputError
    from gfm_ra.familiarity.packaged import TRAINED

    if chosen.format is not None and STANDARD not in chosen.gains:
        raise InputError("--format is of stdin: the ending of a file says what it is")
    if chosen.fit is None:
        _compare(chosen, chosen.reference or TRAINED)
        return 0
    if chosen.reference is not None:
        raise InputError("--fit makes a reference, --reference compares with one: say one of them")
    _fit(chosen, Path(chosen.fit))
    return 0


def _compare(chosen: argparse.Namespace, source: str) -> None:
    """A familiarity per network as lines on stdout, and a summary on stderr."""
    import numpy as np

    from gfm_ra.cli.question import say
    from gfm_ra.familiarity import load

    reference = load(source)
    found = []
    for network in _networks(chosen):
        if not reference.has(network.links):
            sizes = ", ".join(map(str, reference.own.links))
            say(
                f"reference {reference.name} has networks of about {sizes} links: nothing is known of {network.links}"
            )
        found.append(np.atleast_1d(reference.familiarity(network)))
        np.savetxt(sys.stdout, found[-1], fmt="%.4g")
    every = np.concatenate(found)
    known = every[~np.isnan(every)]
    plural = "s" * (len(every) != 1)
    if len(known):
        say(
            f"{len(every)} network{plural}, reference {reference.name}: median familiarity {np.median(known):.3g}, "
            f"{np.mean(known <= _UNUSUAL):.0%} at most {_UNUSUAL} (of the reference's own: {_UNUSUAL:.0%})"
        )


def _fit(chosen: argparse.Namespace, out: Path) -> None:
    from gfm_ra.cli.question import STANDARD, say
    from gfm_ra.errors import InputError
    from gfm_ra.familiarity import fit
    from gfm_ra.files.writers import check_writable

    if out.suffix.lower() != ".npz":
        raise InputError(f"--fit {out} must end in .npz: a reference is such a file")
    check_writable(out, [Path(name) for name in chosen.gains if name != STANDARD])
    reference = fit(_networks(chosen), out.stem)
    reference.save(out)
    sizes = ", ".join(map(str, reference.own.links))
    say(f"{out}: reference of networks of about {sizes} links, {reference.held_out.sum()} of them held out")


def _networks(chosen: argparse.Namespace) -> "Iterator[Network]":
    """The networks of all files, part by part; how they were understood is said."""
    from gfm_ra.cli import question

    for name in chosen.gains:
        one = argparse.Namespace(**vars(chosen) | {"gains": name})
        question.check(one)
        with ExitStack() as stack:
            path = stack.enter_context(question.file_of(one))
            asked = question.looked_at(one, path, question.opened(one, path))
            asked.tell()
            yield from asked.networks()
