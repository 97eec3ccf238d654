"""JSON lines in, JSON lines out: bad requests become answers, not the end of the stream.

echo '{"gain_db": [[30, 2], [null, 28]], "goal": "qos"}' | python examples/platform_engineer.py
"""

import json
import sys

import gfm_ra

ALLOWED = {"gain", "gain_db", "goal", "alpha", "min_rate", "penalty", "weights", "effort", "seed"}


def answer(allocator: gfm_ra.Allocator, line: str) -> dict:
    """The answer to one request."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict) or (unknown := sorted(set(request) - ALLOWED)):
            return {"error": f"unknown keys: {unknown}" if isinstance(request, dict) else "no JSON object"}
        found = allocator.allocate(**request)
    except ValueError as error:  # what does not fit: one line says what
        return {"error": str(error)}
    return {"power": found.power.tolist(), "source": found.source.tolist(), "notes": found.notes}


def main() -> None:
    """Answer every line of stdin; without any, one example."""
    allocator = gfm_ra.load()
    lines = sys.stdin if not sys.stdin.isatty() else ['{"gain_db": [[30, 2], [null, 28]]}']
    for line in lines:
        print(json.dumps(answer(allocator, line)), flush=True)


if __name__ == "__main__":
    main()
