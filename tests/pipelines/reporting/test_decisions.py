"""The table of decisions takes its values from the figures, ours and the other reading's, and a dash where none is."""

from pipelines.reporting.decisions import DECISIONS, table


def row(panel, series, x, value):
    return {
        "panel": panel,
        "series": series,
        "x": x,
        "value": value,
        "low": value - 0.01,
        "high": value + 0.01,
    }


def test_nothing_measured_is_a_dash() -> None:
    header, *rows = table({})
    assert len(rows) == len(DECISIONS)
    assert all(len(each) == len(header) for each in rows)
    assert {each[-1] for each in rows[:8]} == {"–"}


def test_both_readings_come_from_their_own_figures() -> None:
    figures = {
        "figure5": {"rows": [row("sum rate / WMMSE-Best", "GFM-RA, 2,048 samples", 50.0, 0.8)]},
        "figure5-edges": {"rows": [row("sum rate / WMMSE-Best", "GFM-RA, 2,048 samples", 50.0, 0.9)]},
        "network-sizes": {"rows": [
            row("sum rate / WMMSE-Best, 64 samples", "pre-trained with K = 20, 35, 50, 65, 80", 80, 0.75),
            row("sum rate / WMMSE-Best, 64 samples", "pre-trained with K = 20, 35", 80, 0.7),
        ]},
    }  # fmt: skip
    rows = {each[0]: each[-2:] for each in table(figures)[1:]}
    assert rows["what a masked edge is"] == ["0.800 [0.790, 0.810]", "0.900 [0.890, 0.910]"]
    sizes = rows["sizes of networks in pre-training, at this size of the model"]
    assert sizes == ["0.700 [0.690, 0.710]", "0.750 [0.740, 0.760]"]
