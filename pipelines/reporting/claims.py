"""The claims, each against what was measured here, by rules that are code (`claim_rules`, `own_claim_rules`)."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pipelines.reporting import claim_rules as rules
from pipelines.reporting import own_claim_rules as own_rules
from pipelines.reporting.claim_evidence import FAILS, HOLDS, PARTLY, Figures, Finding
from pipelines.reporting.figure_rows import BEST_FOR_IT
from pipelines.reporting.plots import Figure

NOT_REPRODUCED = "not reproduced at this size"
COMMAND = "dvc repro dags/figures/dvc.yaml"


class Claim(NamedTuple):
    """One claim, the rule by which it is evaluated, and the rule in words."""

    figure: str
    claim: str
    paper: str
    rule: str
    check: Callable[[Figures], Finding]
    ours: bool = False  # a claim of this project beyond the paper's
    before: str = ""  # the status that this claim had before its comparisons were mended
    unlike: str = ""  # what was unlike in them
    other: tuple[str, Callable[[Figures], Finding]] | None = (
        None  # another reading of the paper, and its rule
    )


def evaluate(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Every claim with what was measured and its status."""
    by_name = {figure.name: figure for figure in figures}
    found = []
    for claim in CLAIMS:
        measured, status = claim.check(by_name)
        other = None
        if claim.other is not None:
            reading, rule = claim.other
            other = {"reading": reading} | dict(zip(("measured", "status"), rule(by_name), strict=True))
        found.append(
            {
                "figure": claim.figure, "claim": claim.claim, "paper": claim.paper, "rule": claim.rule,
                "measured": measured, "status": status, "command": COMMAND, "ours": claim.ours,
                "before": claim.before, "unlike": claim.unlike, "other": other,
                "cost": _cost(by_name[_figure_of(claim)]),
            }
        )  # fmt: skip
    return found


def _figure_of(claim: Claim) -> str:
    number = claim.figure.partition("(")[0]
    return f"figure{number}" if number.isdigit() else "depth"


def _cost(figure: Figure) -> str:
    """How long what a figure shows was trained: updates of its arms, and over how many seeds."""
    trained = [row for row in figure.rows if row.get("updates")]
    if not trained:
        return ""
    updates = sorted({row["updates"] for row in trained})
    span = f"{updates[0]:,}" if len(updates) == 1 else f"{updates[0]:,} to {updates[-1]:,}"
    return f"{span} updates an arm, {max(row['runs'] for row in trained)} seeds"


def status_in_words(found: dict[str, Any]) -> str:
    """The status as readers see it: a claim about 21 million weights is not refuted by a smaller model."""
    words = _in_words(found["status"], found["ours"])
    other = found.get("other")
    return (
        words
        if other is None
        else f"{words}; {other['reading']}: {_in_words(other['status'], found['ours'])}"
    )


def _in_words(status: str, ours: bool) -> str:
    return NOT_REPRODUCED if not ours and status == FAILS else status


_SAMPLES = "full updates with 64 / 256 / 2,048 samples 228 / 192 / 128"
_PCGNN = "576 updates of PCGNN with 2,048 samples, 1,920 with 20,480; 240 of the heads"
_PAIRS, _EDGES = "pairs hidden, where the paper hides directed edges", "directed edges hidden"
_LAMBDA = "mean of (8) where the paper sums: lambda 0.1 stands for a literal one of 23 to 379"


CLAIMS = (
    Claim(
        "4(a)",
        "Adapted with 2,048 samples, the sum rate matches WMMSE-Best for K = 20 to 80.",
        "about 1",
        "0.99 at every K; in part from 0.95",
        rules.sum_rate_matches,
        before=FAILS,
        unlike=_SAMPLES,
    ),
    Claim(
        "4",
        "It is better than PCGNN with as many samples, for every objective and K.",
        "always",
        "every cell; in part: some",
        rules.beats_pcgnn,
        before=PARTLY,
        unlike=_PCGNN,
    ),
    Claim(
        "4",
        "Ten times the samples help PCGNN only marginally.",
        "marginal",
        "less than 0.01 in every cell; in part: less than 0.02 on average",
        rules.pcgnn_saturates,
        before=FAILS,
        unlike=_PCGNN,
    ),
    Claim(
        "4(c)",
        "The QoS utility is up to three times that of sum-rate WMMSE at K = 80.",
        "3.0",
        "2.9; in part from 2",
        rules.qos_ratio("WMMSE-Best"),
        before=PARTLY,
        unlike="WMMSE-Best chosen by sum rate; the paper may choose by the task's utility",
        other=("best sum-rate run by its QoS utility", rules.qos_ratio(BEST_FOR_IT)),
    ),
    Claim(
        "5(a)",
        "With half of the links unknown it keeps nine tenths of the sum rate.",
        "0.90",
        "0.89; in part from 0.8",
        rules.at_half("sum rate", 0.89, 0.8),
        before=PARTLY,
        unlike=_PAIRS,
        other=(_EDGES, rules.at_half("sum rate", 0.89, 0.8, "edges")),
    ),
    Claim(
        "5(c)",
        "With half of the links unknown its QoS utility is 1.6 times WMMSE-Best's with all known.",
        "> 1.6",
        "1.6; in part from 1",
        rules.at_half("QoS utility / WMMSE-Best", 1.6, 1.0),
        before=PARTLY,
        unlike=_PAIRS,
        other=(_EDGES, rules.at_half("QoS utility / WMMSE-Best", 1.6, 1.0, "edges")),
    ),
    Claim(
        "5",
        "It is more robust than PCGNN with either number of samples.",
        "always",
        "every share of every objective; in part: some",
        rules.robust("pairs"),
        before=PARTLY,
        unlike=f"{_PAIRS}; {_PCGNN}",
        other=(_EDGES, rules.robust("edges")),
    ),
    Claim(
        "6",
        "With 64 samples pre-training lifts the sum rate far above training from scratch.",
        "0.95 against 0.82",
        "0.945 and clear of scratch by both recipes; in part: clear by one",
        rules.few_samples,
        before=FAILS,
        unlike=f"one head of three scenarios pooled; {_SAMPLES}",
        other=("one head per scenario", rules.few_samples_alone),
    ),
    Claim(
        "7",
        "With 64 samples proportional fairness reaches 0.92 of the best.",
        "0.92",
        "0.92; in part from 0.9",
        rules.fair_few_samples,
        before=HOLDS,
        unlike=_SAMPLES,
    ),
    Claim(
        "8",
        "For QoS it keeps about 85 % of WMMSE's sum rate and lifts the links below the least rate.",
        "0.85",
        "0.8 to 1.0 of the sum rate, and those links clearly above WMMSE-Best's; in part: one of them",
        rules.protects,
        before=HOLDS,
        unlike=_SAMPLES,
    ),
    Claim(
        "8",
        "The pre-trained model gains more from samples than the one from scratch, which hardly improves.",
        "qualitative",
        "larger gain, and clearly better in the end; in part: one of them",
        rules.learns_faster,
        before=PARTLY,
        unlike=_SAMPLES,
    ),
    Claim(
        "9",
        "The sum rate grows monotonically with the model's size, whatever the number of samples.",
        "0.935 to 0.97 with 64 samples",
        "clear at every step and number; in part: at some",
        rules.grows_with_size,
        before=PARTLY,
        unlike=_SAMPLES,
    ),
    Claim(
        "10",
        "Among mask ratios 0.1, 0.3 and 0.5, 0.3 is best.",
        "always",
        "clear at every share hidden; in part: at some",
        rules.middle_ratio_best("pairs"),
        before=FAILS,
        unlike=_PAIRS,
        other=(_EDGES, rules.middle_ratio_best("edges")),
    ),
    Claim(
        "11",
        "Edge prediction accounts for most of what pre-training gives.",
        "0.82 to 0.95 with 64 samples",
        "at least half of the gain, and 0.05; in part: half of it, clear of scratch",
        rules.generative_matters("hybrid"),
        before=PARTLY,
        unlike=f"{_LAMBDA}; {_SAMPLES}",
        other=("lambda as (8) is written", rules.generative_matters("literal-lambda")),
    ),
    Claim(
        "11",
        "Hybrid pre-training is better than edge prediction alone, whatever the number of samples.",
        "always",
        "clear for every number; in part: for some",
        rules.hybrid_best("hybrid"),
        before=FAILS,
        unlike=f"{_LAMBDA}; {_SAMPLES}",
        other=("lambda as (8) is written", rules.hybrid_best("literal-lambda")),
    ),
    Claim(
        "–",
        "More layers help without over-smoothing.",
        "no figure",
        "clear at every step and number of samples; in part: at some",
        rules.deeper_is_better,
        before="not measured",
        unlike="never tried",
    ),
    Claim(
        "4",
        "The prompted model, without one sample, matches the best WMMSE for each objective.",
        "–",
        "1.0 in every cell; in part: some",
        own_rules.zero_shot_wins,
        ours=True,
    ),
    Claim(
        "4",
        "Without one sample it is better than the heads adapted with the most samples.",
        "–",
        "every cell; in part: some",
        own_rules.zero_shot_beats_heads,
        ours=True,
    ),
    Claim(
        "5",
        "With half of the links unknown it is better than WMMSE on imputed gains.",
        "–",
        "clear of it for every objective; in part: some",
        own_rules.zero_shot_robust,
        ours=True,
    ),
)
