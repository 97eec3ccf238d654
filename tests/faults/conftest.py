"""The small world of the stages' own tests."""

from tests.pipelines.conftest import (  # noqa: F401 (fixtures)
    empty_database,
    params,
    run_stage,
    simulated,
    workspace,
)
