"""Which numbers to tell the network, so that its answers serve a goal best: a search by the goal's own utility."""

from collections.abc import Callable

from gfm_ra.goal_family import Numbers

_ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_LEAST = ((0.1, 15.0), (0.3, 5.0), (0.3, 15.0), (1.0, 5.0), (1.0, 50.0), (3.0, 15.0))
_ROUNDS = 4


def best_numbers(merit: Callable[[Numbers], float], start: Numbers, most: Numbers) -> Numbers:
    """The numbers with the largest merit among usual ones and around the best of these; `most` bounds each."""
    known: dict[Numbers, float] = {}

    def of(numbers: Numbers) -> float:
        if numbers not in known:
            known[numbers] = merit(numbers)
        return known[numbers]

    usual = [start, *((alpha, 0.0, 0.0) for alpha in _ALPHAS), *((0.0, *pair) for pair in _LEAST)]
    best = max((_within(numbers, most) for numbers in usual), key=of)
    for size in (0.5**number for number in range(_ROUNDS)):
        best = max([best, *(_within(numbers, most) for numbers in _around(best, size))], key=of)
    return best


def _around(numbers: Numbers, size: float) -> list[Numbers]:
    alpha, least, penalty = numbers
    if penalty == 0.0:
        return [(alpha + 0.4 * size, 0.0, 0.0), (alpha - 0.4 * size, 0.0, 0.0)]
    rate, price = 1.0 + size, 1.0 + 2.0 * size
    return [
        (alpha, least * rate, penalty),
        (alpha, least / rate, penalty),
        (alpha, least, penalty * price),
        (alpha, least, penalty / price),
        (alpha + 0.4 * size, least, penalty),
    ]


def _within(numbers: Numbers, most: Numbers) -> Numbers:
    alpha, least, penalty = (min(max(value, 0.0), high) for value, high in zip(numbers, most, strict=True))
    return alpha, least, penalty
