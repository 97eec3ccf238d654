"""What one terminal reports: levels of the cells that it hears, in dBm."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """One reported level, the middle of the range that the report stands for."""

    dbm: float
    step_db: float = 0.0
    """Width of that range; infinite where the report only says that the level lies below `dbm`."""
    samples: int = 1
    """Measurements that were averaged into it."""
    spread_db: float = 0.0
    """Standard deviation of the levels that it stands for, beside steps and errors of measurement."""

    @property
    def only_below(self) -> bool:
        """Whether it is a limit, no value."""
        return self.step_db == math.inf

    @property
    def upper_dbm(self) -> float:
        """Upper end of the range."""
        return self.dbm if self.only_below else self.dbm + self.step_db / 2.0


@dataclass(frozen=True)
class Report:
    """The levels that one terminal reported at one time.

    In the downlink the terminal measured the cells; in the uplink the cells measured the terminal's reference signal.
    """

    terminal: str
    serving: str | None
    levels: tuple[tuple[str, Level], ...]
    """Cell and level, in the order of the report; a cell twice if the report has it twice."""
    time_s: float | None = None
    """Seconds since 1970 UTC."""
    strongest: bool = True
    """Whether the cells that it does not name were weaker than those that it names."""
    x_m: float | None = None
    y_m: float | None = None
    transmit_power_dbm: float | None = None
    """Full power of the terminal, for the uplink only."""
    epre_dbm: float | None = None
    """Power per resource element of its reference signal, for the uplink only; as at full power unless given."""
    where: str = ""
    """Place in the file, for messages."""

    @property
    def name(self) -> str:
        """The terminal and where its report stands, for messages."""
        return f"terminal {self.terminal}" + (f" ({self.where})" if self.where else "")
