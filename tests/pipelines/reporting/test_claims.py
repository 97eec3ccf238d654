"""A claim's status follows the numbers: the same rule says yes, in part and no."""

import pytest

from pipelines.reporting import claim_rules, own_claim_rules
from pipelines.reporting.claim_evidence import FAILS, HOLDS, PARTLY, UNKNOWN
from pipelines.reporting.claims import CLAIMS, evaluate, status_in_words
from pipelines.reporting.figure_rows import IMPUTED_NAME, ZERO_SHOT
from pipelines.reporting.plots import Figure

NAMES = [
    *(f"figure{number}" for number in range(4, 12)),
    "figure5-edges",
    "figure10-edges",
    "depth",
    "depth-ranks",
]
PANELS = {
    "figure4": (
        "sum rate / WMMSE-Best",
        "geometric mean of rates / best WMMSE for it",
        "QoS utility / WMMSE-Best",
    ),
    "figure5": ("sum rate / WMMSE-Best", "QoS utility / WMMSE-Best"),
    "figure8": (
        "sum rate / WMMSE-Best's",
        "mean rate of links below Rmin, bit/s/Hz",
        "QoS utility / best WMMSE for QoS",
    ),
}


def row(panel, series, x, value, half=0.001):
    return {
        "panel": panel, "series": series, "x": x, "value": value, "low": value - half, "high": value + half,
        "runs": 3, "snapshots": 10,
    }  # fmt: skip


def figures(**rows):
    return [Figure(name, name, "x", "y", "lines", rows.get(name, [])) for name in NAMES]


def status_of(check, **rows):
    return check({figure.name: figure for figure in figures(**rows)})[1]


def test_nothing_measured_is_said_to_be_so():
    found = evaluate(figures())
    assert len(found) == len(CLAIMS) == len({(row["claim"]) for row in found})
    assert {row["status"] for row in found} == {UNKNOWN}
    assert {row["other"]["status"] for row in found if row["other"]} == {UNKNOWN}
    assert all(row["before"] and row["unlike"] for row in found if not row["ours"])


@pytest.mark.parametrize(("least", "expected"), [(0.995, HOLDS), (0.96, PARTLY), (0.90, FAILS)])
def test_the_sum_rate_is_judged_by_its_worst_cell(least, expected):
    panel = PANELS["figure4"][0]
    rows = [
        row(panel, "GFM-RA, 2,048 samples", "K = 20", 1.0),
        row(panel, "GFM-RA, 2,048 samples", "K = 80", least),
    ]
    assert status_of(claim_rules.sum_rate_matches, figure4=rows) == expected


@pytest.mark.parametrize(
    ("ours", "expected"), [((0.95, 0.95), HOLDS), ((0.95, 0.85), PARTLY), ((0.85, 0.85), FAILS)]
)
def test_pcgnn_is_compared_cell_by_cell(ours, expected):
    panel = PANELS["figure4"][0]
    rows = [row(panel, "PCGNN, 2,048 samples", x, 0.9) for x in ("K = 20", "K = 80")]
    rows += [
        row(panel, "GFM-RA, 2,048 samples", x, y) for x, y in zip(("K = 20", "K = 80"), ours, strict=True)
    ]
    assert status_of(claim_rules.beats_pcgnn, figure4=rows) == expected


@pytest.mark.parametrize(
    ("many", "expected"), [(0.904, HOLDS), (0.915, PARTLY), (0.95, FAILS), (0.85, FAILS)]
)
def test_ten_times_the_samples(many, expected):
    panel = PANELS["figure4"][0]
    rows = [
        row(panel, "PCGNN, 2,048 samples", "K = 20", 0.9),
        row(panel, "PCGNN, 20,480 samples", "K = 20", many),
    ]
    assert status_of(claim_rules.pcgnn_saturates, figure4=rows) == expected


@pytest.mark.parametrize(
    ("pretrained", "paper", "expected"),
    [
        ((0.95, 0.85), (0.95, 0.82), HOLDS),
        ((0.93, 0.91), (0.88, 0.88), PARTLY),
        ((0.9, 0.91), (0.9, 0.9), FAILS),
    ],
)
def test_few_samples_are_judged_by_both_recipes(pretrained, paper, expected):
    panel = "sum rate / WMMSE-Best"
    rows = [row(panel, "pre-trained", 64, pretrained[0]), row(panel, "from scratch", 64, pretrained[1])]
    rows += [row(panel, "pre-trained, the paper's recipe", 64, paper[0])]
    rows += [row(panel, "from scratch, the paper's recipe", 64, paper[1])]
    assert status_of(claim_rules.few_samples, figure6=rows) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0.93, 0.95, 0.97), HOLDS), ((0.93, 0.92, 0.97), PARTLY), ((0.93, 0.9301, 0.929), FAILS)],
)
def test_size_must_help_at_every_step(values, expected):
    rows = [row("p", "64 samples", size, value) for size, value in enumerate(values)]
    assert status_of(claim_rules.grows_with_size, figure9=rows) == expected


def test_a_mask_ratio_is_best_only_if_it_is_at_every_share():
    rows = [row("p", f"pre-trained with rho = {rho}", share, value)
            for share in (0.0, 10.0, 50.0) for rho, value in (("0.1", 0.8), ("0.3", 0.9), ("0.5", 0.85))]  # fmt: skip
    assert status_of(claim_rules.middle_ratio_best("pairs"), figure10=rows) == HOLDS
    worse = [
        each | {"value": 0.95, "high": 0.951}
        if each["series"].endswith("0.5") and each["x"] == 50.0
        else each
        for each in rows
    ]
    assert status_of(claim_rules.middle_ratio_best("pairs"), figure10=worse) == PARTLY


@pytest.mark.parametrize(("generative", "expected"), [(0.95, HOLDS), (0.85, PARTLY), (0.82, FAILS)])
def test_what_edge_prediction_gives(generative, expected):
    rows = [
        row("p", "from scratch", 64, 0.82),
        row("p", "generative", 64, generative),
        row("p", "hybrid", 64, 0.87),
    ]
    assert status_of(claim_rules.generative_matters("hybrid"), figure11=rows) == expected
    # Less than half of what both together give.
    rows[2] = row("p", "hybrid", 64, 0.82 + 2.5 * (generative - 0.82) + 0.01)
    assert status_of(claim_rules.generative_matters("hybrid"), figure11=rows) == FAILS


def test_our_own_claims_are_judged_by_the_same_kind_of_rule():
    panel = PANELS["figure5"][0]
    rows = [row(panel, ZERO_SHOT, 50.0, 0.9), row(panel, IMPUTED_NAME, 50.0, 0.87)]
    assert status_of(own_claim_rules.zero_shot_robust, figure5=rows) == HOLDS
    assert status_of(own_claim_rules.zero_shot_robust, figure5=[rows[0], rows[1] | {"high": 0.91}]) == FAILS
    cells = [row(PANELS["figure4"][0], ZERO_SHOT, "K = 20", value) for value in (1.004,)]
    assert status_of(own_claim_rules.zero_shot_wins, figure4=cells) == HOLDS
    assert status_of(own_claim_rules.zero_shot_wins, figure4=[cells[0] | {"value": 0.999}]) == FAILS


@pytest.mark.parametrize(
    ("status", "ours", "words"),
    [
        (FAILS, False, "not reproduced at this size"),
        (FAILS, True, FAILS),
        (HOLDS, False, HOLDS),
        (PARTLY, False, PARTLY),
        (UNKNOWN, False, UNKNOWN),
    ],
)
def test_a_small_model_does_not_refute_the_paper(status, ours, words):
    assert status_in_words({"status": status, "ours": ours}) == words


def test_a_claim_may_have_another_status_under_another_reading():
    panel = PANELS["figure5"][0]
    rows = {"figure5": [row(panel, "GFM-RA, 2,048 samples", 50.0, 0.85)]}
    rows |= {"figure5-edges": [row(panel, "GFM-RA, 2,048 samples", 50.0, 0.92)]}
    (found,) = (each for each in evaluate(figures(**rows)) if each["figure"] == "5(a)")
    assert (found["status"], found["other"]["status"]) == (PARTLY, HOLDS)
    assert status_in_words(found) == "holds in part; directed edges hidden: holds"


@pytest.mark.parametrize(("last", "expected"), [(0.95, HOLDS), (0.93, PARTLY), (0.89, PARTLY)])
def test_depth_helps_only_if_every_step_is_clear(last, expected):
    rows = [row("", "64 samples", layers, value) for layers, value in ((2, 0.90), (6, 0.93), (16, last))]
    assert status_of(claim_rules.deeper_is_better, depth=rows) == expected
    assert status_of(claim_rules.deeper_is_better, depth=[rows[1], rows[0] | {"x": 16}]) == FAILS
