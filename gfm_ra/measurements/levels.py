"""Reported levels in dBm: the ranges that report values stand for, the steps of decimal numbers, and what age does."""

import math
from collections.abc import Iterable

_FIRST_DBM = {"nr": -156, "lte": -140}
"""Where report value 1 begins: 3GPP TS 38.133, table 10.1.6.1-1, and TS 36.133, table 9.1.4-1."""
_LAST_VALUE = {"nr": 126, "lte": 97}
"""The last value, from -31 dBm (NR) or -44 dBm (LTE) on. NR's 127 stands for infinity, which is no level."""

TERMINAL_SPEED_M_PER_S = 0.83  # 3 km/h
SHADOWING_DB = 6.0
DECORRELATION_M = 50.0
"""Shadowing of urban macro cells without line of sight: 3GPP TR 38.901, tables 7.4.1-1 and 7.5-6."""
_STEPS_DB = (1.0, 0.5, 0.1, 0.01)
_MOST_DBM = 1e4  # larger numbers are no levels


def rsrp_range_dbm(value: int, technology: str) -> tuple[float, float]:
    """The half-open range [low, high) that an RSRP report value stands for; the first and the last one have no end.

    Raises ValueError for a value that is not in the table.
    """
    first, last = _FIRST_DBM[technology], _LAST_VALUE[technology]
    if not 0 <= value <= last:
        raise ValueError(f"RSRP value {value} is none of {technology}'s 0 to {last}")
    low = first + value - 1.0
    return (low if value > 0 else -math.inf), (low + 1.0 if value < last else math.inf)


def step_of(values_dbm: Iterable[float]) -> float:
    """The coarsest of 1, 0.5, 0.1 and 0.01 dB that all levels are multiples of; 0 if none is.

    NaN, infinities and numbers beyond 10 000 dBm do not count.
    """
    known = [value for value in values_dbm if abs(value) < _MOST_DBM]
    for step_db in _STEPS_DB:
        if known and all(abs(value / step_db - round(value / step_db)) < 1e-6 for value in known):
            return step_db
    return 0.0


def drift_db(age_s: float, speed_m_per_s: float = TERMINAL_SPEED_M_PER_S) -> float:
    """Standard deviation in dB of what a level changes within a time.

    Shadowing of correlation exp(-d / 50 m) and 6 dB along the way d (Gudmundson, Electronics Letters 27, 1991): the
    difference of two of its values has the variance 2 (6 dB)^2 (1 - correlation).

    Raises ValueError for a negative age or speed.
    """
    if age_s < 0 or speed_m_per_s < 0:
        raise ValueError(f"age {age_s:g} s and speed {speed_m_per_s:g} m/s must not be negative")
    correlation = math.exp(-speed_m_per_s * age_s / DECORRELATION_M)
    return SHADOWING_DB * math.sqrt(2.0 * (1.0 - correlation))
