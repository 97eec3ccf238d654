"""Laws of relocation: only a registry's own addresses move, and what is missing is said."""

from pathlib import Path

import pytest

from pipelines.registry import relocation


@pytest.mark.parametrize(
    ("address", "moved"),
    [
        ("file:///old/mlartifacts", "file:///new/mlartifacts"),
        ("file:///o%20d/mlartifacts/1/artifacts", "file:///new/mlartifacts/1/artifacts"),
        ("/old/mlartifacts/1", "/new/mlartifacts/1"),
        ("file:///mlartifacts/x/mlartifacts/1", "file:///new/mlartifacts/1"),
        ("/old/mlruns/0", "/old/mlruns/0"),
        ("mlflow-artifacts:/1/mlartifacts", "mlflow-artifacts:/1/mlartifacts"),
        ("s3://bucket/mlartifacts/1", "s3://bucket/mlartifacts/1"),
        ("models:/m-12", "models:/m-12"),
    ],
)
def test_only_addresses_below_the_folder_are_rewritten(address: str, moved: str) -> None:
    assert relocation.moved(address, Path("/new/mlartifacts")) == moved


def test_relocation_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must both be there"):
        relocation.relocate(tmp_path / "mlflow.db", tmp_path / "mlartifacts")
    (tmp_path / "mlflow.db").write_text("no database" * 500)
    (tmp_path / "mlartifacts").mkdir()
    with pytest.raises(ValueError, match="not a database"):
        relocation.relocate(tmp_path / "mlflow.db", tmp_path / "mlartifacts")
