"""The working folders that tests of the stages use."""

from tests.pipelines.conftest import empty_database, module_workspace, workspace

__all__ = ["empty_database", "module_workspace", "workspace"]
