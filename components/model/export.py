"""A power model as an ONNX graph with dynamic batch and K, for runtimes without this repository."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxscript
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from components.model.conditioning import PARAMETERS, Goals
from components.model.heads import PowerModel
from components.model.pcgnn.network import PCGNN
from components.model.prompted import PromptedModel
from components.model.unrolled.network import NOISE, UnrolledNetwork
from gfm_ra.inference.names import INPUT, NOISE_INPUT, OUTPUT, PROMPT_INPUTS, TAKES_UNKNOWN

op: Any = onnxscript.opset20  # its annotations are of arrays; here its operators take values of a graph
AGREEMENT = 1e-4  # largest difference in power between the graph and the PyTorch model


class _Flat(nn.Module):
    """A model as a function of tensors alone, which is what a graph can have as inputs: NaN stands for a hidden gain, a
    goal is two tensors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, gain_db: Tensor, parameters: Tensor | None = None, weights: Tensor | None = None
    ) -> Tensor:
        unknown = gain_db.isnan()
        # A pair is hidden if either direction is.
        hidden, known = unknown | unknown.mT, torch.where(unknown, 0.0, gain_db)
        goal = [] if parameters is None or weights is None else [Goals(parameters, weights)]
        return self.model(known, *goal, hidden)


class _FlatUnrolled(nn.Module):
    """The same of an unrolled network, with the same noise for every network of a batch; hidden gains are hidden
    direction by direction."""

    def __init__(self, network: UnrolledNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, gain_db: Tensor, parameters: Tensor, weights: Tensor, noise: Tensor) -> Tensor:
        unknown = gain_db.isnan()
        known, goals = torch.where(unknown, 0.0, gain_db), Goals(parameters, weights)
        given = noise.transpose(0, 1).unsqueeze(0).expand(gain_db.shape[0], -1, -1, -1)  # [B, K, D, 2]
        return self.network(known, goals, given, unknown).power.transpose(1, 2)  # [B, D, K]


def export_onnx(model: PowerModel | PromptedModel | PCGNN | UnrolledNetwork, path: Path) -> None:
    """Write `model` as ONNX: gain_db [B, K, K] float32 -> power [B, K] float32, any B and K.

    A gain that is NaN is unknown, except on the diagonal. A goal-conditioned model has two more inputs: parameters
    [B, 3] and weights [B, K], as in `Goals`. An unrolled network has a fourth, noise [D, K, 2], standard normal, and
    answers with one power per draw, [B, D, K]. The graph is checked and compared with the model at other sizes than it
    was traced with. Where landmarks (`node_features`) tie to the last bit, as with all gains equal, which of them
    comes first is the runtime's choice, and with it which of the links gets which power.

    Raises:
        ValueError: the graph's powers differ from the model's by more than AGREEMENT.
    """
    flat = _flat(model).eval()
    batch, links, draws = (torch.export.Dim(name, min=1) for name in ("batch", "links", "draws"))
    names, example, shapes = [INPUT], [torch.zeros(3, 7, 7)], [{0: batch, 1: links, 2: links}]
    if isinstance(model, PromptedModel | UnrolledNetwork):
        names += PROMPT_INPUTS
        example += [torch.ones(3, PARAMETERS), torch.ones(3, 7)]
        shapes += [{0: batch}, {0: batch, 1: links}]
    if isinstance(model, UnrolledNetwork):
        names.append(NOISE_INPUT)
        example.append(torch.zeros(2, 7, NOISE))
        shapes.append({0: draws, 1: links})
    # The fused attention kernel's memory layout is not the one that its decomposition for ONNX has.
    with _only_failures(), warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            flat,
            tuple(example),
            dynamo=True,
            dynamic_shapes=tuple(shapes),
            input_names=names,
            output_names=[OUTPUT],
            external_data=False,
            verbose=False,
            # Its rewriting takes 1e-12, which keeps logarithms finite, for zero and leaves it out.
            optimize=not isinstance(model, UnrolledNetwork),
            custom_translation_table=_EXACT,
        )
    assert program is not None
    proto = program.model_proto
    _strip_provenance(proto)
    if not isinstance(model, PCGNN):
        proto.metadata_props.add(key=TAKES_UNKNOWN, value="nan")
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString(deterministic=True))
    _compare(flat, path)


def _flat(model: PowerModel | PromptedModel | PCGNN | UnrolledNetwork) -> nn.Module:
    if isinstance(model, PCGNN):
        return model  # a baseline that knows no hidden gains
    return _FlatUnrolled(model) if isinstance(model, UnrolledNetwork) else _Flat(model)


def _log1p(x: Tensor) -> Tensor:
    """log(1 + x) of finite x > -1, with full relative precision."""
    # The exporter's own Log(1 + x) is zero for every SINR below 6e-8. What rounding takes from 1 + x is added back.
    rounded = op.Add(x, 1.0)
    return op.Add(op.Log(rounded), op.Div(op.Sub(x, op.Sub(rounded, 1.0)), rounded))


def _sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), with full relative precision."""
    # onnxruntime's Sigmoid is good to 1e-7 of full power only; 1e-7 of a gain of 195 dB is far above the noise.
    return op.Reciprocal(op.Add(op.Exp(op.Neg(x)), 1.0))


# In place of the exporter's own forms, which lose what small rates and powers are made of.
_EXACT: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.log1p.default: _log1p,
    torch.ops.aten.sigmoid.default: _sigmoid,
}


@contextmanager
def _only_failures() -> Iterator[None]:
    # The exporter narrates every step; only its failures matter here.
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _strip_provenance(proto: onnx.ModelProto) -> None:
    # Notes of the exporter name source files and their folders: noise in a file whose digest is its identity.
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in proto.graph.value_info:
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]


def _compare(flat: nn.Module, path: Path) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    generator = np.random.default_rng(0)
    takes_unknown = TAKES_UNKNOWN in session.get_modelmeta().custom_metadata_map
    for batch, links, hidden in ((1, 1, 0.0), (2, 5, 0.0), (1, 33, 0.0), (2, 5, 0.3), (1, 33, 0.5)):
        gain_db = generator.normal(7.0, 15.0, (batch, links, links))
        unknown = (generator.random(gain_db.shape) < hidden * takes_unknown) & ~np.eye(links, dtype=bool)
        inputs = {
            INPUT: np.where(unknown, np.nan, gain_db),
            "parameters": generator.uniform([0.0, 0.1, 0.0], [2.0, 1.0, 30.0], (batch, PARAMETERS)),
            "weights": generator.uniform(0.5, 2.0, (batch, links)),
            NOISE_INPUT: generator.standard_normal((batch, links, NOISE)),
        }
        given = {name: inputs[name].astype(np.float32) for name in names}
        with torch.no_grad():
            expected = flat(*(torch.from_numpy(given[name]) for name in names)).numpy()
        worst = float(np.abs(session.run([OUTPUT], given)[0] - expected).max())
        if not worst <= AGREEMENT:
            raise ValueError(f"{path}: powers differ from the model's by {worst:.2g} at K = {links}")
