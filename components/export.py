"""A power model as an ONNX graph with dynamic batch and K, for runtimes without this repository."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from components.heads import PowerModel

INPUT, OUTPUT = "gain_db", "power"
AGREEMENT = 1e-4  # largest difference in power between the graph and the PyTorch model


def export_onnx(model: PowerModel, path: Path) -> None:
    """Write `model` as ONNX: gain_db [B, K, K] float32 -> power [B, K] float32, any B and K.

    The graph is checked and compared with the model at other sizes than it was traced with.

    Raises:
        ValueError: the graph's powers differ from the model's by more than AGREEMENT.
    """
    model.eval()
    batch, links = torch.export.Dim("batch", min=1), torch.export.Dim("links", min=1)
    # The exporter narrates every step; only its failures matter here.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    # The fused attention kernel's memory layout is not the one that its decomposition for ONNX has.
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (torch.zeros(3, 7, 7),),
            dynamo=True,
            dynamic_shapes=({0: batch, 1: links, 2: links},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _strip_provenance(proto)
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString(deterministic=True))
    _compare(model, path)


def _strip_provenance(proto: onnx.ModelProto) -> None:
    # Notes of the exporter name source files and their folders: noise in a file whose digest is its identity.
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in proto.graph.value_info:
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]


def _compare(model: PowerModel, path: Path) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    for batch, links in ((1, 1), (2, 5), (1, 33)):
        gain_db = generator.normal(7.0, 15.0, (batch, links, links)).astype(np.float32)
        with torch.no_grad():
            expected = model(torch.from_numpy(gain_db)).numpy()
        worst = float(np.abs(session.run([OUTPUT], {INPUT: gain_db})[0] - expected).max())
        if not worst <= AGREEMENT:
            raise ValueError(f"{path}: powers differ from the model's by {worst:.2g} at K = {links}")
