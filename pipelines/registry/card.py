"""The card of a registered model: what it is for, how good it is, where it comes from, what it cannot do."""

from collections.abc import Mapping

from components.intervals import Interval
from pipelines.registry.comparison import REFERENCE_STARTS

PARAMS_OF_ANY_GOAL = (
    '`params={"goal": "sum-rate" | "proportional-fair" | "qos" | "alpha-fair", "alpha": ..., "min_rate": ..., '
    '"penalty": ..., "weights": [...]}`, all optional; sum rate unless given.'
)


def model_card(
    name: str,
    any_goal: bool,
    provenance: Mapping[str, str],
    ratios: Mapping[tuple[str, str], Interval],
    confidence: float,
) -> str:
    """The card in Markdown; the same model, data and provenance give the same text."""
    purpose = "any goal, given as a parameter" if any_goal else next(iter(ratios))[0]
    parts = [
        f"# {name}",
        f"Sets the transmit power of K links that share a band, in one pass, for {purpose}.",
        "## Use",
        "- In: `gain_db` float32 [B, K, K], any B and K; row = receiver, column = transmitter; dB over noise at "
        "full power. Values within +-200 dB, NaN for an unknown gain between two links; anything else is refused.",
        "- Out: `power` float32 [B, K], parts of full power in [0, 1].",
        f"- Parameters: {PARAMS_OF_ANY_GOAL if any_goal else 'none.'}",
        f'- `mlflow.pyfunc.load_model("models:/{name}@champion").predict(gain_db)`, or `@candidate` for what is not '
        "promoted yet; needs mlflow, numpy and onnxruntime. No pickle is read.",
        "- To train further: `artifacts/` also holds model.safetensors and config.json.",
        "## Quality",
        f"Ratio to WMMSE with the objective's own weights, best of {REFERENCE_STARTS} starts, on validation "
        f"snapshots; {confidence:.0%} bootstrap intervals. "
        "Proportional fairness is compared as the geometric mean of rates.",
        _table(ratios),
        "## Origin",
        *(f"- {key.replace('_', ' ')}: {value}" for key, value in sorted(provenance.items())),
        "## Limits",
        "- It has seen simulated networks only: one square kilometre, dual-slope path loss, Rayleigh fading, 20 to 80 "
        "links unless its training scenarios say otherwise. Measure before you trust it elsewhere.",
        "- It promises nothing about a single network. Where that matters use the guard (`gfm-ra allocate --guard`): "
        "never worse than full reuse and one WMMSE run by true utility.",
        "## Licence",
        "- MIT, for these weights as for the code that made them.",
    ]
    return "\n".join(parts) + "\n"


def _table(ratios: Mapping[tuple[str, str], Interval]) -> str:
    lines = ["| objective | scenario | ratio |", "|---|---|---|"]
    lines += [
        f"| {objective} | {scenario} | {show(ratio)} |" for (objective, scenario), ratio in ratios.items()
    ]
    return "\n" + "\n".join(lines) + "\n"


def show(ratio: Interval) -> str:
    """A ratio and its interval."""
    return f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]"
