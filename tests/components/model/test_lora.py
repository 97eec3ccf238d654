"""Laws of low-rank adapters: silent at first, alone in training, and gone without a trace after merging."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.lora import LoRAConfig, add_adapters, merge_adapters
from components.training.checkpoint import MODEL_NAME, ModelCard, load_power_model, save_model

LAYERS, WIDTH, RANK = 2, 16, 3
CONFIG = BackboneConfig(layers=LAYERS, width=WIDTH, heads=4, bias_width=8)
LORA = LoRAConfig(rank=RANK, scale=6.0)


def fresh() -> PowerModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PowerModel(CONFIG)


def snapshots(links: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 7.0 + 15.0 * torch.randn(4, links, links, generator=generator)


def adapted(seed: int = 0) -> tuple[PowerModel, list[nn.Parameter]]:
    model = fresh()
    return model, add_adapters(model.backbone, LORA, seed)


def train(model: PowerModel, steps: int = 3) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        model(snapshots()).square().sum().backward()
        optimizer.step()


@torch.no_grad()  # frozen weights may take another attention kernel where gradients are recorded
def outputs(model: PowerModel) -> torch.Tensor:
    return model(snapshots())


def bits(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_adapters_change_nothing_until_they_are_trained() -> None:
    model, _ = adapted()
    assert torch.equal(outputs(model), outputs(fresh()))
    model.head.requires_grad_(False)
    train(model)
    assert not torch.allclose(outputs(model), outputs(fresh()), atol=1e-3)


def test_only_adapters_learn() -> None:
    model, adapters = adapted()
    before = bits(model.backbone)
    train(model)
    assert {id(p) for p in model.backbone.parameters() if p.requires_grad} == {id(p) for p in adapters}
    assert {id(p) for p in model.backbone.parameters() if p.grad is not None} == {id(p) for p in adapters}
    changed = {name for name, value in bits(model.backbone).items() if not torch.equal(value, before[name])}
    # 4 linear layers in each Transformer layer, each with A and B; nothing else may have moved.
    assert len(changed) == len(adapters) == LAYERS * 4 * 2
    assert all(name.endswith((".down", ".up")) for name in changed)


def test_the_head_beside_the_backbone_stays_trainable() -> None:
    model, _ = adapted()
    assert all(parameter.requires_grad for parameter in model.head.parameters())


def test_number_of_trainable_parameters() -> None:
    _, adapters = adapted()
    # query, key and value: d -> 3 d; output and two feed-forward layers: d -> d.
    assert sum(parameter.numel() for parameter in adapters) == LAYERS * RANK * (4 + 3 * 2) * WIDTH


@pytest.mark.parametrize("links", [1, 5, 9])
def test_merging_keeps_the_outputs(links: int) -> None:
    model, _ = adapted()
    train(model)
    with torch.no_grad():
        before = model(snapshots(links))
        merge_adapters(model.backbone)
        torch.testing.assert_close(model(snapshots(links)), before, atol=1e-5, rtol=0)


def test_merging_adds_the_scaled_product() -> None:
    model, adapters = adapted()
    with torch.no_grad():
        for parameter in adapters:
            parameter.normal_(generator=torch.Generator().manual_seed(2))
    down, up = adapters[0].clone(), adapters[1].clone()
    merge_adapters(model.backbone)
    moved = model.state_dict()["backbone.layers.0.query_key_value.weight"]
    moved = moved - fresh().state_dict()["backbone.layers.0.query_key_value.weight"]
    torch.testing.assert_close(moved, 6.0 / RANK * up @ down, atol=1e-5, rtol=1e-5)


def test_a_merged_model_is_an_ordinary_one(tmp_path: Path) -> None:
    model, _ = adapted()
    train(model)
    merge_adapters(model.backbone)
    assert list(model.state_dict()) == list(fresh().state_dict())  # and in the order that optimisers count in
    assert all(parameter.requires_grad for parameter in model.parameters())
    save_model(tmp_path, model, ModelCard(backbone=CONFIG), MODEL_NAME)
    loaded, _ = load_power_model(tmp_path)
    assert torch.equal(outputs(loaded), outputs(model))


def test_merging_without_adapters_changes_nothing() -> None:
    model = fresh()
    merge_adapters(model.backbone)
    assert torch.equal(outputs(model), outputs(fresh()))


def test_adapters_can_be_added_again_after_merging() -> None:
    model, _ = adapted()
    train(model)
    merge_adapters(model.backbone)
    before = outputs(model)
    add_adapters(model.backbone, LORA, seed=1)
    assert torch.equal(outputs(model), before)


@pytest.mark.parametrize("merged", [False, True])
def test_permuting_links_permutes_powers(merged: bool) -> None:
    model, _ = adapted()
    train(model)
    if merged:
        merge_adapters(model.backbone)
    order = torch.tensor([3, 0, 4, 1, 2])
    gain_db = snapshots()
    with torch.no_grad():
        expected = model(gain_db)[:, order]
        torch.testing.assert_close(model(gain_db[:, order][:, :, order]), expected, atol=1e-5, rtol=0)


def test_the_start_depends_on_the_seed_alone() -> None:
    torch.manual_seed(123)
    first = adapted(seed=0)[1]
    torch.manual_seed(321)
    again, other = adapted(seed=0)[1], adapted(seed=1)[1]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first[::2], other[::2], strict=True))
    assert len({parameter.sum().item() for parameter in first[::2]}) == len(first) // 2  # each has its own


def test_adding_twice_is_refused() -> None:
    model, _ = adapted()
    with pytest.raises(ValueError, match=r"adapters already: merge them"):
        add_adapters(model.backbone, LORA, seed=0)


def test_a_rank_above_the_width_is_refused_and_leaves_the_model_alone() -> None:
    model = fresh()
    with pytest.raises(ValueError, match=r"rank 17 exceeds the backbone's width 16"):
        add_adapters(model.backbone, LoRAConfig(rank=17), seed=0)
    assert list(model.state_dict()) == list(fresh().state_dict())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_module_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="PowerHead has no Transformer layer"):
        add_adapters(fresh().head, LORA, seed=0)


@pytest.mark.parametrize("values", [{"rank": 0}, {"scale": 0.0}, {"alpha": 1.0}])
def test_senseless_settings_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        LoRAConfig(**values)  # pyright: ignore[reportArgumentType]
