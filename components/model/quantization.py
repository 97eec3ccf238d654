"""An exported graph with weights in 8 bits: a quarter of the size, products in integers."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

SMALL = 32


def quantize(graph: Path, out: Path) -> None:
    """Write `graph` with the large matrix products' weights as int8 per output channel; `out` may be `graph` itself.

    Activations are scaled to 8 bits where they arise (dynamic quantisation), so no data are needed. The rest stays
    float32: attention, feedback, and products with a side of at most SMALL, which set powers or read physical
    quantities, take no time and cost two thirds of what 8 bits lose.
    """
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / "quantised.onnx"
        quantize_dynamic(
            graph,
            made,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_small_products(graph),
        )
        out.write_bytes(made.read_bytes())


def _small_products(graph: Path) -> list[str]:
    """Names of products with a weight matrix that has a side of at most SMALL."""
    content = onnx.load(str(graph)).graph
    sides = {weight.name: min(weight.dims) for weight in content.initializer if len(weight.dims) == 2}
    return [
        node.name for node in content.node if any(sides.get(name, SMALL + 1) <= SMALL for name in node.input)
    ]
