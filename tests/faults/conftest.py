"""The working folders and the small world that tests of the stages use."""

from tests.pipelines.conftest import (
    empty_database,
    module_workspace,
    params,
    run_stage,
    simulated,
    workspace,
)

__all__ = ["empty_database", "module_workspace", "params", "run_stage", "simulated", "workspace"]
