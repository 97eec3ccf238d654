"""The card of a registered model says what its readers must know before they use it."""

from components.intervals import Interval
from pipelines.registry.card import model_card


def test_the_card_names_use_quality_origin_limits_and_licence(root):
    ratio = Interval(1.01, 1.0, 1.02)
    text = model_card("gfm-ra-qos", False, {"git_commit": "abc"}, {("qos", "D18"): ratio}, 0.95)
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["Use", "Quality", "Origin", "Limits", "Licence"]
    assert "| qos | D18 | 1.0100 [1.0000, 1.0200] |" in text
    assert "- git commit: abc" in text
    licence = (root / "LICENSE").read_text().split(" ")[0]
    assert text.partition("## Licence\n")[2].startswith(f"- {licence}, for these weights")
