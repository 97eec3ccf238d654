"""Hashes of what the chains write, to show that a change of the code leaves every result as it was.

Usage: python -m dags.golden write|check CHAIN [CHAIN ...]      after a run of these chains in the smoke profile

Hashes are kept per kind of processor, in tests/golden/: training gives equal bytes on one kind, not across kinds.
Shards and score files count by their bytes, weights by their tensors, tables (JSON, CSV) by their bytes. Left out are
the report, the registry's index and whatever a clock goes into. tests/golden/renamed.json says what files and keys of
JSON files were called when the hashes were taken; a key is renamed whole, or up to its first dot.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from components.data.shards import json_text

CHAINS = {
    "main": Path("."),
    "sweep": Path("dags/sweep"),
    "figures": Path("dags/figures"),
}
HASHED = {
    "main": (
        "data/**/*",
        "artifacts/pretrain/**/*",
        "artifacts/finetune/**/*",
        "artifacts/evaluate/*",
        "metrics/*",
    ),
    "sweep": ("data/**/*", "artifacts/sweep/best.json", "metrics/*"),
    "figures": ("data/**/*", "artifacts/ablations/**/*", "artifacts/few_shot/**/*"),
}
SUFFIXES = (".parquet", ".safetensors", ".json", ".csv")
# Written by other chains into the main one's folder, or with seconds in them.
FOREIGN = tuple(
    f"metrics/{name}"
    for name in (
        "adaptation",
        "architectures",
        "bands",
        "bands-exclusive",
        "certified",
        "certified-times",
        "cities",
        "city_tiles",
        "downlink",
        "familiarity",
        "front",
        "hidden",
        "load",
        "paper_figures",
        "reported",
        "rivals",
        "robustness",
        "slices",
        "sweep",
        "train_worlds",
        "worlds",
    )
)
FOLDER = Path("tests/golden")
RENAMED = FOLDER / "renamed.json"


def processor() -> str:
    """Vendor and vector instructions: what decides on the last bits of a training."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    vendor = next((line.split(":")[1].strip() for line in lines if line.startswith("vendor_id")), "unknown")
    return f"{vendor}-{torch.backends.cpu.get_cpu_capability()}"


def hash_of(path: Path) -> str:
    """SHA-256 of a file's bytes, or of names, types and values where it holds tensors."""
    digest = hashlib.sha256()
    if path.suffix == ".safetensors":
        for name, tensor in sorted(load_file(path).items()):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\0".encode())
            digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    elif path.suffix == ".json":
        digest.update(_with_old_keys(path).encode())
    else:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _with_old_keys(path: Path) -> str:
    """A JSON file's text, with the keys that it had when the hashes were taken."""
    text = path.read_text()
    content, old = (
        json.loads(text),
        {new: old for old, new in json.loads(RENAMED.read_text())["keys"].items()},
    )

    def rename(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
        if isinstance(value, list):
            return [rename(each) for each in value]
        if not isinstance(value, dict):
            return value
        parts = {key: key.split(".", 1) for key in value}
        return {
            ".".join([old.get(first, first), *rest]): rename(value[key])
            for key, (first, *rest) in parts.items()
        }

    renamed = rename(content)
    return text if renamed == content else json_text(renamed)


def _old_name(name: str) -> str:
    for old, new in json.loads(RENAMED.read_text())["paths"].items():
        if name.startswith(new):
            return old + name.removeprefix(new)
    return name


def hashes(chain: str) -> dict[str, str]:
    """Hash by path, relative to the chain's folder, of everything that counts."""
    folder, found = CHAINS[chain], {}
    for pattern in HASHED[chain]:
        for path in sorted(folder.glob(pattern)):
            name = path.relative_to(folder).as_posix()
            foreign = chain == "main" and name.startswith(FOREIGN)
            if path.is_file() and path.suffix in SUFFIXES and not foreign:
                found[_old_name(name)] = hash_of(path)
    return found


def differences(kept: dict[str, str], found: dict[str, str]) -> list[str]:
    """What is missing (-), new (+) or changed (~), a line each."""
    lines = [f"-{name}" for name in kept if name not in found]
    lines += [f"+{name}" for name in found if name not in kept]
    return lines + [f"~{name}" for name in kept if name in found and kept[name] != found[name]]


def main() -> None:
    """Write the hashes of these chains, or compare with those kept: exit 1 and one line per difference."""
    action, chains = [*sys.argv, ""][1], sys.argv[2:]
    if action not in ("write", "check") or not chains or not set(chains) <= set(CHAINS):
        sys.exit(f"usage: python -m dags.golden write|check {{{','.join(CHAINS)}}} ...")
    path = FOLDER / f"{processor()}.json"
    kept = json.loads(path.read_text()) if path.is_file() else {}
    if action == "write":
        kept |= {chain: hashes(chain) for chain in chains}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        return
    if absent := [chain for chain in chains if chain not in kept]:
        sys.exit(
            f"golden: {path} holds nothing of {', '.join(absent)}: no hashes were taken on such a processor"
        )
    lines = [f"{chain}: {line}" for chain in chains for line in differences(kept[chain], hashes(chain))]
    print(*lines, *([] if lines else ["every hash is as kept"]), sep="\n")  # noqa: T201 (what this program is for)
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
