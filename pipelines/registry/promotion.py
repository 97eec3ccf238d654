"""The gate: who becomes champion, by paired comparisons on the test snapshots and in foreign worlds."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from components.data.shards import sha256_of
from components.intervals import Interval
from pipelines.registry import versions
from pipelines.registry.aliases import CHAMPION, Overtaken, alias_version, promote_over
from pipelines.registry.comparison import Powers, Snapshots, registered_powers
from pipelines.runtime.errors import UserError

ATTEMPTS = 5  # comparisons with champions that change meanwhile


class Decision(StrEnum):
    """What became of a version at the gate."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    UNCHANGED = "unchanged"


class GateResult(NamedTuple):
    """A decision and its reason."""

    version: versions.Version
    decision: Decision
    reason: str

    def __str__(self) -> str:
        return f"{self.version.name} {self.version.number}: {self.decision}, {self.reason}"


class Gate:
    """Compares versions of one kind with their champions, and promotes what is surely better at home, on the test
    snapshots, and surely worse in no foreign world."""

    def __init__(
        self,
        snapshots: Callable[[], Snapshots],
        any_goal: bool,
        confidence: float,
        foreign: Callable[[], Mapping[str, Snapshots]],
    ) -> None:
        # Read when there is something to compare: a first champion needs no snapshots.
        self.snapshots, self.any_goal, self.confidence = snapshots, any_goal, confidence
        self.foreign = foreign

    def pass_through(self, version: versions.Version) -> GateResult:
        """Promote a version if nothing is champion, if it is surely better at home and surely worse nowhere, or if it
        is the same network in a newer program.

        A champion that changes during the comparison is compared anew.

        Raises:
            UserError: the registry fails, or the champion changes again and again.
            DataError: there are no solved test snapshots.
        """
        overtaken = ""
        for _ in range(ATTEMPTS):
            champion = alias_version(version.name, CHAMPION)
            if champion == version.number:
                return GateResult(version, Decision.UNCHANGED, f"champion already{overtaken}")
            passes, reason = self._compare(version, champion)
            reason += overtaken
            if not passes:
                return GateResult(version, Decision.REFUSED, reason)
            try:
                promote_over(version.name, version.number, champion)
            except Overtaken as error:
                overtaken = f" (compared anew: {str(error).partition(':')[0]})"
            else:
                return GateResult(version, Decision.PROMOTED, reason)
        raise UserError(
            f"{version.name} {version.number}: the champion changed {ATTEMPTS} times while it was compared: try again"
        )

    def _compare(self, version: versions.Version, champion: str | None) -> tuple[bool, str]:
        if champion is None:
            return True, "the first champion"
        both = [
            registered_powers(f"models:/{version.name}/{number}", self.any_goal)
            for number in (version.number, champion)
        ]
        better = _margin(self.snapshots(), both, self.confidence)
        margin = _shown(better)
        if better.low > 0.0:
            if worse := self._worse_abroad(both):
                return False, f"surely worse than champion {champion} in {worse}"
            return True, f"its ratio to WMMSE is {margin} above that of champion {champion}"
        # The same network in a newer program answers the same and is no better, but it is the one to serve.
        if _graphs(version.name, champion) == _graphs(version.name, version.number):
            return True, f"the network of champion {champion} in another program"
        return False, f"not surely better than champion {champion}: ratio to WMMSE {margin} above its"

    def _worse_abroad(self, both: Sequence[Powers]) -> str:
        """Foreign worlds where the first is surely worse than the second, and by how much; empty if there is none."""
        worlds = self.foreign()
        # Of equals, all worlds together are mistaken for worse no more often than one is.
        confidence = 1.0 - (1.0 - self.confidence) / max(1, len(worlds))
        margins = {name: _margin(snapshots, both, confidence) for name, snapshots in worlds.items()}
        return "; ".join(
            f"{name} networks, where its ratio to WMMSE is {_shown(margin)} above the champion's"
            for name, margin in margins.items()
            if margin.high < 0.0
        )


def _margin(snapshots: Snapshots, both: Sequence[Powers], confidence: float) -> Interval:
    challenger, defender = (snapshots.scores(powers) for powers in both)
    return snapshots.margin(challenger, defender, confidence)


def _shown(margin: Interval) -> str:
    return f"{margin.value:+.4f} [{margin.low:+.4f}, {margin.high:+.4f}]"


def _graphs(name: str, number: str) -> list[str]:
    """Checksums of a version's graphs."""
    folder = versions.fetch(f"models:/{name}/{number}") / "artifacts"
    return [sha256_of(path) for path in sorted(folder.glob("*.onnx"))]
