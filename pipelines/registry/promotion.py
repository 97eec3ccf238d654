"""The gate: who becomes champion, by a paired comparison on the test snapshots."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from components.data.shards import sha256_of
from components.evaluation.intervals import Interval
from pipelines.registry import versions
from pipelines.registry.aliases import CHAMPION, Overtaken, alias_version, promote_over
from pipelines.registry.comparison import Snapshots, registered_powers
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
    """Compares versions of one kind with their champions, and promotes what is surely better."""

    def __init__(self, snapshots: Callable[[], Snapshots], any_goal: bool, confidence: float) -> None:
        # Read when there is something to compare: a first champion needs no snapshots.
        self.snapshots, self.any_goal, self.confidence = snapshots, any_goal, confidence

    def pass_through(self, version: versions.Version) -> GateResult:
        """Promote a version if nothing is champion, or if it is surely better, or the same network in a newer program.

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
        better = self._margin(version, champion)
        margin = f"{better.value:+.4f} [{better.low:+.4f}, {better.high:+.4f}]"
        if better.low > 0.0:
            return True, f"its ratio to WMMSE is {margin} above that of champion {champion}"
        # The same network in a newer program answers the same and is no better, but it is the one to serve.
        if _graphs(version.name, champion) == _graphs(version.name, version.number):
            return True, f"the network of champion {champion} in another program"
        return False, f"not surely better than champion {champion}: ratio to WMMSE {margin} above its"

    def _margin(self, version: versions.Version, champion: str) -> Interval:
        snapshots = self.snapshots()
        challenger, defender = (
            snapshots.scores(registered_powers(f"models:/{version.name}/{number}", self.any_goal))
            for number in (version.number, champion)
        )
        return snapshots.margin(challenger, defender, self.confidence)


def _graphs(name: str, number: str) -> list[str]:
    """Checksums of a version's graphs."""
    folder = versions.fetch(f"models:/{name}/{number}") / "artifacts"
    return [sha256_of(path) for path in sorted(folder.glob("*.onnx"))]
