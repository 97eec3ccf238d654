"""`gfm-ra`: the commands, what each is told, and how errors end.

Modules of a command are imported when it runs: `--help` needs nothing but the standard library.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from gfm_ra.cli import familiarity, workshop
from gfm_ra.cli.options import add_goal_options, add_measurement_options
from gfm_ra.errors import InputError, UserError

BAD_INPUT, TROUBLE = 2, 1
EPILOG = """exit codes: 0 done, 1 trouble at run time (disk, registry, server), 2 bad input.
complete commands with the tab key: eval "$(gfm-ra completion bash)"
"""
_WIDTH = 80


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints take one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        print(f"gfm-ra: {message} ({self.prog} --help says more)", file=sys.stderr)  # noqa: T201
        sys.exit(BAD_INPUT)


class _Format(argparse.RawDescriptionHelpFormatter):
    """Help in at most 80 columns, descriptions as they are written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=_WIDTH)


def _command(
    commands: "argparse._SubParsersAction[_Parser]", name: str, text: str, examples: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=text, description=text, epilog=f"examples:\n{examples}", formatter_class=_Format
    )


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    top = _Parser(
        prog="gfm-ra",
        description="Powers for links that share a band and disturb each other.",
        epilog=EPILOG,
        formatter_class=_Format,
    )
    top.add_argument("--version", action="store_true", help="print the version and leave")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _allocate(commands)
    _explain(commands)
    _plan(commands)
    familiarity.arguments(_command(commands, "familiarity", familiarity.TEXT, familiarity.EXAMPLES))
    _bench(commands)
    doctor = _command(
        commands, "doctor", "What is installed, what is missing, what to do about it.", "  gfm-ra doctor"
    )
    doctor.add_argument(
        "--no-cluster", action="store_true", help="do not join the Ray cluster of RAY_ADDRESS"
    )
    doctor.set_defaults(module="doctor")
    models = _command(
        commands, "models", "Weights that are there, and in a clone the registry's models.",
        "  gfm-ra models list\n  gfm-ra models show prompted\n"
        "in a clone also: show NAME [VERSION], promote, rollback, export, relocate",
    )  # fmt: skip
    models.add_argument("words", nargs=argparse.REMAINDER, metavar="list|show NAME|...")
    models.set_defaults(module="models")
    _serve(commands)
    completion = _command(
        commands,
        "completion",
        "A script that completes commands with the tab key.",
        '  eval "$(gfm-ra completion bash)"',
    )
    completion.add_argument("shell", choices=("bash", "zsh"))
    completion.set_defaults(module="completion")
    for name, text in workshop.COMMANDS.items():
        one = commands.add_parser(name, help=f"{text} (in a clone)", add_help=False, prefix_chars="\0")
        one.add_argument("words", nargs=argparse.REMAINDER)
        one.set_defaults(module="workshop")
    return top


def _allocate(commands: "argparse._SubParsersAction[_Parser]") -> None:
    one = _command(
        commands, "allocate", "Set the power of every transmitter.",
        "  gfm-ra allocate gains.csv powers.csv\n"
        "  gfm-ra allocate gains_db.xyz.csv powers.csv --db --goal qos --min-rate 0.5\n"
        "  gfm-ra allocate gains.npz powers.npz --goal proportional-fair --effort best\n"
        "  gfm-ra allocate gains.csv --slice urllc:0-3:least_rate=1 --slice embb:4-19\n"
        "  gfm-ra allocate - --format csv < gains.csv > powers.csv",
    )  # fmt: skip
    one.add_argument("gains", metavar="FILE", help="gains, K x K or many of them; `-` reads stdin")
    one.add_argument(
        "powers", metavar="OUT", nargs="?", help="file for the powers; CSV on stdout unless given"
    )
    _question(one)
    one.add_argument("--format", help="of stdin and stdout: csv, tsv, json, npy")
    one.add_argument(
        "--json", action="store_true", help="powers, rates, utility, source and notes as JSON on stdout"
    )
    one.add_argument(
        "--explain", action="store_true", help="say on stderr, or in the JSON, why the powers are so"
    )
    one.add_argument(
        "--certify", action="store_true", help="say how far the answer is from a proven bound of the optimum"
    )
    one.add_argument("--slice", action="append", metavar="SLICE",
                     help="NAME:LINKS[:KEY=VALUE...], repeatable: links from 0 like 0-3,7; keys least_rate, share, "
                     "priority, goal; names embb, urllc, miot are presets; --goal is of the other links")  # fmt: skip
    one.add_argument("--rules", metavar="FILE", help="JSON of hard rules, docs/rules.md; says their price")
    one.add_argument(
        "--ray", action="store_true", help="answer a file of edges tile by tile on a Ray cluster (in a clone)"
    )
    one.add_argument(
        "--tile-links", type=_number(int, 1), metavar="N", help="with --ray: links of a tile (default: 2500)"
    )
    one.add_argument("--polish", type=int, help=argparse.SUPPRESS)
    one.add_argument("--guard", action="store_true", help=argparse.SUPPRESS)
    one.set_defaults(module="allocate")


def _question(one: argparse.ArgumentParser) -> None:
    """What says how gains are to be understood and answered."""
    one.add_argument(
        "--unit",
        type=str.lower,
        choices=("linear", "db"),
        help="of the gains; linear unless the name says dB",
    )
    one.add_argument("--db", action="store_true", help="the same as --unit db")
    one.add_argument("--orientation", choices=("rows-are-receivers", "rows-are-transmitters"),
                     help="what a row is (default: rows-are-receivers)")  # fmt: skip
    add_goal_options(one)
    one.add_argument("--strict", action="store_true", help="refuse what looks wrong instead of saying so")


def _explain(commands: "argparse._SubParsersAction[_Parser]") -> None:
    one = _command(
        commands, "explain", "Why every transmitter has its power.",
        "  gfm-ra explain gains.csv --goal qos\n"
        "  gfm-ra explain gains.csv --link 4 --plot why.png\n"
        "  gfm-ra explain gains.csv --powers powers.csv\n"
        "  gfm-ra explain many.npz --network 17 --json",
    )  # fmt: skip
    one.add_argument("gains", metavar="FILE", help="gains, K x K or many of them; `-` reads stdin")
    _question(one)
    one.add_argument("--format", help="of stdin: csv, tsv, json, npy")
    one.add_argument("--powers", metavar="FILE", help="explain these, not our answer; K, or K per network")
    one.add_argument("--network", type=int, metavar="N", help="which of several, from 0")
    one.add_argument("--link", type=int, metavar="K", help="tell more about this one, from 0")
    one.add_argument("--plot", metavar="OUT", help="a picture, .png, .pdf or .svg")
    one.add_argument("--json", action="store_true", help="everything as JSON on stdout")
    one.set_defaults(module="explain")


def _plan(commands: "argparse._SubParsersAction[_Parser]") -> None:
    one = _command(
        commands, "plan", "Powers in dBm for cells, from what terminals report.",
        "  gfm-ra plan reports.json --cells cells.csv --goal proportional-fair\n"
        "  gfm-ra plan drive_test.csv --cells cells.csv --terminals weakest --plot map.png\n"
        "  gfm-ra plan scan.csv --cells access_points.csv --json\n"
        "formats of reports, cells and answers: docs/measurements.md",
    )  # fmt: skip
    add_measurement_options(one)
    add_goal_options(one)
    one.add_argument("--plot", metavar="OUT", help="a map, .png, .pdf or .svg")
    one.add_argument("--json", action="store_true", help="everything as JSON on stdout")
    one.set_defaults(module="plan")


def _bench(commands: "argparse._SubParsersAction[_Parser]") -> None:
    one = _command(
        commands, "bench", "How long an answer takes on this machine.",
        "  gfm-ra bench\n  gfm-ra bench --links 20,50,100 --batch 1,64 --effort fast",
    )  # fmt: skip
    one.add_argument("--model", metavar="NAME", help="weights: a name, a folder, or models:/name@alias")
    one.add_argument("--links", default="10,20,50,80", help="numbers of links (default: 10,20,50,80)")
    one.add_argument("--batch", default="1,16", help="networks per call (default: 1,16)")
    one.add_argument("--effort", default="fast,balanced,best", help="efforts (default: all)")
    one.add_argument("--goal", default="sum-rate", help="a goal (default: sum-rate)")
    one.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    one.add_argument("--seconds", type=float, default=0.5, help="time per line (default: 0.5)")
    one.set_defaults(module="bench")


def _serve(commands: "argparse._SubParsersAction[_Parser]") -> None:
    one = _command(
        commands, "serve", "Powers over HTTP: Open Inference Protocol v2 and /allocate.",
        "  gfm-ra serve\n  gfm-ra serve --workers 2 --port 9000\n"
        "  gfm-ra serve --model models:/gfm-ra-prompted@champion --follow 30\n"
        """  curl -s localhost:8000/allocate -d '{"gain_db": [[[40, 10], [5, 30]]], "goal": "qos"}'\n"""
        "GFM_RA_TOKEN in the environment: requests must carry it (Authorization: Bearer ...)",
    )  # fmt: skip
    one.add_argument(
        "--model",
        metavar="NAME",
        help="weights: a name, a folder, or models:/name@alias (default: the package's)",
    )
    one.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    one.add_argument("--port", type=_number(int, 1, 65535), default=8000, help="default: 8000")
    one.add_argument("--workers", type=_number(int, 1), default=1, help="processes, a core each (default: 1)")
    one.add_argument(
        "--grpc-port", type=_number(int, 1, 65535), help="the protocol over gRPC as well, at this port"
    )
    one.add_argument(
        "--ray", action="store_true", help="the same behind Ray Serve, workers as replicas (in a clone)"
    )
    one.add_argument("--follow", type=_number(float, 0.1), metavar="SECONDS",
                     help="ask the registry so often what the alias means, and change over")  # fmt: skip
    one.add_argument("--drain", type=_number(float, 0.0, 600.0), metavar="SECONDS",
                     help="after SIGTERM everybody is told to go for so long (default: 2)")  # fmt: skip
    one.add_argument("--timeout", type=_number(float, 0.01, 600.0), default=10.0, metavar="SECONDS",
                     help="to send a request, and again for its answer (default: 10)")  # fmt: skip
    one.add_argument("--max-links", type=_number(int, 1), default=256, help="largest K (default: 256)")
    one.add_argument(
        "--max-batch", type=_number(int, 1), default=1024, help="networks of a request (default: 1024)"
    )
    one.add_argument(
        "--max-body-mb", type=_number(float, 0.001), default=4.0, help="largest body, MiB (default: 4)"
    )
    one.add_argument("--max-requests", type=_number(int, 1), default=1024,
                     help="under way at once in a process; more get 503 (default: 1024)")  # fmt: skip
    one.add_argument("--max-per-client", type=_number(int, 0), default=0,
                     help="of one address under way at once; more get 429 (default: 0, no limit)")  # fmt: skip
    one.add_argument("--drift-reference", default="trained", metavar="NAME|FILE",
                     help="raise an alarm when networks are unlike these: trained (default), home, a file of "
                     "`gfm-ra familiarity --fit`, or none")  # fmt: skip
    one.add_argument("--access-log", action="store_true", help="a line of JSON on stderr for every request")
    one.add_argument("--certificate", metavar="FILE", help="serve HTTPS with this PEM file")
    one.add_argument("--key", metavar="FILE", help="its private key")
    one.set_defaults(module="serve")


def _number(kind: Callable[[str], float], least: float, most: float = math.inf) -> Callable[[str], float]:
    """A type of argparse that refuses what lies outside."""

    def read(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            beyond = f"at least {least:g}" if most == math.inf else f"{least:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"{text} is out of range: {beyond}")
        return value

    read.__name__ = "number"
    return read


def run(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(dispatch(words))
    except (InputError, ValueError) as error:
        _leave(error, BAD_INPUT)
    except UserError as error:
        _leave(error, TROUBLE)
    except BrokenPipeError:  # who read stdout, `head` for one, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(TROUBLE)
    except (OSError, MemoryError) as error:
        _leave(error, TROUBLE)
    except KeyboardInterrupt:
        sys.exit(130)


def dispatch(words: list[str]) -> int:
    """Do what the words say; returns the exit code, expected errors come through."""
    if words and words[0] in workshop.COMMANDS:
        return workshop.run(words)
    top = parser()
    chosen = top.parse_args(words)
    if chosen.version:
        from importlib.metadata import version

        print(version("gfm-ra"))  # noqa: T201
        return 0
    if chosen.command is None:
        top.print_help()
        return BAD_INPUT
    command: Callable[[argparse.Namespace], int] = import_module(f"gfm_ra.cli.{chosen.module}").command
    return command(chosen)


def _leave(error: BaseException, code: int) -> None:
    from gfm_ra.errors import one_line

    print(f"gfm-ra: {one_line(error)}", file=sys.stderr)  # noqa: T201 (the one line for the person)
    sys.exit(code)
