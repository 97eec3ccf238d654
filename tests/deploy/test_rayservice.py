"""The RayService is one that KubeRay and Ray Serve take; board and alerts ask for what the server tells."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from pydantic import ValidationError
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import validate_config
from ray.serve.schema import ServeDeploySchema

from gfm_ra.server.metrics import Metrics
from pipelines.serving.application import NAME, ServeArguments
from tests.test_locks import RUN_TIME, versions

Tree = dict[str, Any]


@pytest.fixture
def service(manifests: Path) -> Tree:
    return yaml.safe_load((manifests / "rayservice.yaml").read_text())


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    folder = Path(__file__).parent
    own = yaml.safe_load((folder / "rayservice.schema.yaml").read_text())
    own["$defs"] = yaml.safe_load((folder / "rayjob.schema.yaml").read_text())["$defs"]
    jsonschema.Draft202012Validator.check_schema(own)
    return jsonschema.Draft202012Validator(own)


def test_the_service_is_one_that_kuberay_takes(
    service: Tree, schema: jsonschema.Draft202012Validator, root: Path
) -> None:
    schema.validate(service)
    cluster = service["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}} | group["template"]
        kubernetes_validate.validate(pod, "1.35", strict=True)
    assert cluster["rayVersion"] == versions(root / RUN_TIME)["ray"]
    resource = {"metadata": {"name": "gfm-ra", "namespace": "default"}, "spec": cluster}
    validate_config(_derive_autoscaling_config_from_ray_cr(resource))


@pytest.mark.parametrize(("path", "key"), [(("spec",), "serveConfig"), (("spec", "upgradeStrategy"), "kind")])
def test_a_mistyped_field_is_noticed(
    service: Tree, schema: jsonschema.Draft202012Validator, path: tuple[str, ...], key: str
) -> None:
    place: Any = service
    for step in path:
        place = place[step]
    place[key] = 1
    assert [error.message for error in schema.iter_errors(service) if key in error.message]


def test_ray_serve_takes_its_configuration_and_the_application_exists(service: Tree) -> None:
    deployed = ServeDeploySchema.model_validate(yaml.safe_load(service["spec"]["serveConfigV2"]))
    (application,) = deployed.applications
    module, name = application.import_path.split(":")
    assert callable(getattr(import_module(module), name))
    assert ServeArguments.model_validate(application.args).follow_s == 30
    assert [deployment.name for deployment in application.deployments] == [NAME]
    with pytest.raises(ValidationError):
        ServeArguments.model_validate(dict(application.args) | {"modle": "x"})


def asked(text: str) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"gfm_ra_\w+", text)}


def test_board_and_alerts_ask_for_what_the_server_tells(root: Path) -> None:
    metrics = Metrics()
    told = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.registry.collect()
    }
    alerts = yaml.safe_load((root / "deploy/monitoring/alerts.yaml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    assert len(rules) == 3
    assert all({"alert", "expr", "for", "labels", "annotations"} == set(rule) for rule in rules)
    board = json.loads((root / "deploy/monitoring/dashboard.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for expression in (*expressions, *(rule["expr"] for rule in rules)):
        assert asked(expression) <= told, expression
        assert expression.count("(") == expression.count(")")
