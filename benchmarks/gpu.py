"""What one accelerator does, checked first against float64: `python -m benchmarks.gpu`.

One table: drawing snapshots, WMMSE-Best, the pre-training step (student and teacher, K mixed) against the measured peak
of matrix products, and inference for every K. `--device cpu --quick` runs the same code small, on any machine.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

from components.channel.scenario import OUT_OF_DISTRIBUTION, SCENARIOS
from components.channel.torch_simulator import draw_gain_db
from components.data.batches import Group
from components.data.online import OnlineSnapshots
from components.evaluation.torch_wmmse import wmmse
from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from components.model.rates import spectral_efficiency
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.flops import matmul_peak, training_flops
from components.training.precision import autocast
from components.training.pretraining import Pretraining
from gfm_ra.goals import QoS, SumRate
from gfm_ra.units import db_to_linear

TRAINED = ("D1", "D7", "D13", "D4", "D10")  # every K, several distances
QUICK = BackboneConfig(layers=2, width=64, heads=4, bias_width=8, node_features="landmarks")


def seconds_of(call: Callable[[], object], device: torch.device, times: int) -> float:
    """Median seconds of a call, everything that it started on the device included."""
    call()  # compiles, allocates
    taken = []
    for _ in range(times):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def correctness(device: torch.device, backbone: BackboneConfig, precision: str) -> Table:
    """Largest differences from float64: rates of WMMSE's powers, and powers of the network."""
    generator = torch.Generator(device).manual_seed(0)
    gain_db = draw_gain_db(SCENARIOS["D18"], 16, generator)
    gain = db_to_linear(gain_db)
    table = Table("checked against float64", "difference")
    for objective in (SumRate(), QoS()):
        utilities = [
            objective.utility(
                spectral_efficiency(wmmse(values, objective, iterations=20).double(), gain.double())
            )
            for values in (gain, gain.double())
        ]
        worst = ((utilities[0] - utilities[1]) / utilities[1]).abs().median()
        table.add_row(
            f"WMMSE, {objective.name}, 20 iterations: utility, median relative", f"{float(worst):.1e}"
        )
    torch.manual_seed(0)
    model = PowerModel(backbone).to(device).eval()
    with torch.no_grad():
        exact = model.double()(gain_db.double())
        model.float()
        plain = model(gain_db)
        with autocast(precision, device):  # type: ignore[arg-type]
            fast = model(gain_db)
    table.add_row("network, float32: power", f"{float((plain - exact).abs().max()):.1e}")
    table.add_row(f"network, {precision}: power", f"{float((fast.double() - exact).abs().max()):.1e}")
    return table


def speed(device: torch.device, given: argparse.Namespace, backbone: BackboneConfig) -> Table:
    """Snapshots per second of everything, and the share of the peak that training reaches."""
    table = Table("what", "K", "batch", "snapshots/s", "ms", "TFLOP/s", "share of peak")
    generator = torch.Generator(device).manual_seed(0)

    def row(what: str, links: str, batch: int, seconds: float, flops: float | None = None) -> None:
        shares = (
            ("", "") if flops is None else (f"{flops / seconds / 1e12:.3f}", f"{flops / seconds / peak:.1%}")
        )
        table.add_row(what, links, str(batch), f"{batch / seconds:,.0f}", f"{1e3 * seconds:.2f}", *shares)

    dtype = torch.bfloat16 if given.precision == "bfloat16" else torch.float32
    peak = matmul_peak(device, dtype, seconds=1.0)
    table.add_row(f"matrix product, {given.precision}", "", "", "", "", f"{peak / 1e12:.3f}", "100%")
    for name in OUT_OF_DISTRIBUTION:
        links = SCENARIOS[name].links
        seconds = seconds_of(
            lambda n=name: draw_gain_db(SCENARIOS[n], given.batch, generator), device, given.times
        )
        row("simulate", str(links), given.batch, seconds)
    for name in OUT_OF_DISTRIBUTION[::2]:
        gain = db_to_linear(draw_gain_db(SCENARIOS[name], given.solved, generator))
        best = lambda g=gain: wmmse(g, SumRate(), given.starts, given.iterations, generator)  # noqa: E731
        row(
            f"WMMSE, {given.starts} x {given.iterations}", str(gain.shape[-1]), given.solved,
            seconds_of(best, device, 2),
        )  # fmt: skip
    for what, changes in (
        ("Algorithm 1", {}),
        ("Algorithm 1 with goals", {"utility_weight": 10.0}),
    ):
        config = PretrainingConfig.model_validate(
            {
                "backbone": backbone,
                "batch_size": given.batch,
                "precision": given.precision,
                "compile": given.compile,
            }
            | changes
        )
        row(f"step, {what}", "mixed", given.batch * len(TRAINED), *training(config, device, given))
    inference(row, device, given, backbone)
    return table


def training(
    config: PretrainingConfig, device: torch.device, given: argparse.Namespace
) -> tuple[float, float]:
    """Seconds and operations of one step for each of the scenarios, drawing the snapshots included."""
    sources = [OnlineSnapshots(SCENARIOS[name], given.batch, 1, device) for name in TRAINED]
    checked = [source[:2].cpu().numpy() for source in sources]
    loop = Pretraining(config, sources, checked, 1, Group(device=device))
    conditioning = config.conditioning if config.goal_conditioned else None
    flops = sum(
        given.batch
        * training_flops(
            config.backbone,
            source.scenario.links,
            config.mask_ratio,
            config.consistency_weight > 0,
            conditioning,
        )
        for source in sources
    )
    return seconds_of(
        lambda: [loop.step(source[: given.batch]) for source in sources], device, given.times
    ), flops


def inference(
    row: Callable[..., None], device: torch.device, given: argparse.Namespace, backbone: BackboneConfig
) -> None:
    """One network at a time, and batches, for every K."""
    torch.manual_seed(0)
    model = PromptedModel(backbone, ConditioningConfig()).to(device).eval()
    generator = torch.Generator(device).manual_seed(1)
    for name in OUT_OF_DISTRIBUTION:
        for batch in (1, given.batch):
            gain_db = draw_gain_db(SCENARIOS[name], batch, generator)
            goals = goals_of(SumRate(), *gain_db.shape[:2]).to(device)

            @torch.inference_mode()
            def answer(gain_db: torch.Tensor = gain_db, goals: object = goals) -> torch.Tensor:
                with autocast(given.precision, device):
                    return model(gain_db, goals)

            row("prompted model", str(gain_db.shape[-1]), batch, seconds_of(answer, device, given.times))


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--solved", type=int, default=256, help="snapshots that WMMSE-Best is timed on")
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--compile", action="store_true", help="torch.compile the student")
    parser.add_argument("--quick", action="store_true", help="a small network and small batches")
    given = parser.parse_args()
    backbone = BackboneConfig()
    if given.quick:
        backbone, given.batch, given.solved, given.starts, given.times = QUICK, 8, 4, 4, 2
    device = torch.device(given.device)
    console = Console(highlight=False, width=120)
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{torch.get_num_threads()} CPU threads"
    )
    console.print(f"torch {torch.__version__} on {where}")
    with deterministic(device):
        console.print(correctness(device, backbone, given.precision))
        console.print(speed(device, given, backbone))


if __name__ == "__main__":
    main()
