"""Nothing that is read can run code, nothing listens to strangers, nothing tells a password."""

import ast
import ipaddress
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from components.data.shards import DataError, Manifest
from components.training.checkpoint import MODEL_NAME, load_tensors
from gfm_ra.files.gains import open_gains
from pipelines.cli import main as cli
from pipelines.cluster.session import session
from pipelines.registry.pyfunc_program import open_session
from pipelines.runtime import runs
from pipelines.runtime.errors import EXPECTED, UserError, one_line
from pipelines.stages.simulate import SimulateConfig

SOURCES = ("gfm_ra", "components", "pipelines", "dags", "benchmarks")
FORBIDDEN = {
    "pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "torch.load", "torch.save", "eval",
    "exec", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load",
}  # fmt: skip


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(tree: ast.AST) -> Iterator[str]:
    """What could run code that comes with data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN:
            yield node.module or ""
        elif isinstance(node, ast.Call):
            if dotted(node.func) in FORBIDDEN:
                yield dotted(node.func)
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if (keyword.arg, value) in (("weights_only", False), ("allow_pickle", True), ("shell", True)):
                    yield f"{keyword.arg}={value}"
            if dotted(node.func) == "yaml.load" and not any(
                word in ast.unparse(node) for word in ("Safe", "safe")
            ):
                yield ast.unparse(node)


def test_no_source_can_run_what_comes_with_data(root: Path) -> None:
    found = {
        f"{path.relative_to(root)}: {fault}"
        for layer in SOURCES
        for path in (root / layer).rglob("*.py")
        for fault in faults(ast.parse(path.read_text()))
    }
    assert found == set()


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "torch.load(p)", "np.load(p, allow_pickle=True)", "eval(x)",
     "subprocess.run(c, shell=True)", "yaml.load(text)", "torch.load(p, weights_only=False)"],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(code: str) -> None:
    assert list(faults(ast.parse(code)))


class Trap:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[tuple[bytes, Path]]:
    """A pickle that must not be read, and the file that would tell."""
    mark = tmp_path / "it was run"
    content = pickle.dumps(Trap(mark))
    pickle.loads(content)
    assert mark.exists()  # it works
    mark.unlink()
    yield content, mark
    assert not mark.exists()


def test_a_planted_checkpoint_is_refused_and_not_run(tmp_path: Path, trap: tuple[bytes, Path]) -> None:
    path = tmp_path / MODEL_NAME
    path.write_bytes(trap[0])
    with pytest.raises(DataError, match="damaged"):
        load_tensors(path)


def test_a_planted_graph_is_refused_and_not_run(tmp_path: Path, trap: tuple[bytes, Path]) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(trap[0])
    with pytest.raises(Exception, match=r"(?i)protobuf|invalid|load"):
        open_session(path)


def test_planted_gains_are_refused_and_not_run(tmp_path: Path, trap: tuple[bytes, Path]) -> None:
    content, mark = trap
    path = tmp_path / "gains.npy"
    np.save(path, np.array([Trap(mark)], dtype=object), allow_pickle=True)
    with pytest.raises(EXPECTED):
        open_gains(path)
    path.write_bytes(content)
    with pytest.raises(EXPECTED):
        open_gains(path)


def test_a_planted_manifest_is_refused(tmp_path: Path, trap: tuple[bytes, Path]) -> None:
    (tmp_path / "manifest.json").write_bytes(trap[0])
    with pytest.raises(DataError, match="damaged"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("dashboard", [False, True])
def test_a_local_session_listens_on_loopback_only(dashboard: bool) -> None:
    with session(dashboard=dashboard):
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = [
            (process.name(), connection.laddr)
            for process in family
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
    assert listening

    def is_local(address: str) -> bool:
        found = ipaddress.ip_address(address)
        mapped = getattr(found, "ipv4_mapped", None)
        return (mapped or found).is_loopback

    assert [entry for entry in listening if not is_local(entry[1].ip)] == []


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "..", ".", "a\\b", "", "C:x", "x\n"])
def test_a_scenario_names_no_path(name: str) -> None:
    custom = {"links": 3, "min_distance_m": 1.0, "max_distance_m": 9.0}
    tree = {"scenarios": {name: {"test": 4}}, "custom": {name: custom}}
    with pytest.raises(ValidationError):
        SimulateConfig.model_validate(tree)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "models:/x/../../y", "file:///etc", "..%2f..%2fetc"]
)
def test_a_model_names_no_path(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, empty_registry: None
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(cli.app, ["models", "export", name, "champion", "out"])
    assert isinstance(answer.exception, EXPECTED), answer.output
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.lock"]


@pytest.fixture
def empty_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    runs.connect()


def test_no_error_tells_the_password_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:hunter2@127.0.0.1:9/")
    with pytest.raises(UserError) as caught:
        runs.connect()
    said = one_line(caught.value)
    assert "127.0.0.1:9" in said
    assert "hunter2" not in said
    assert "someone" not in said
