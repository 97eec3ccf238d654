"""The manifests are what Kubernetes and KubeRay accept: their schemas, closed, so that a mistyped field is a fault."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from gfm_ra.cli.main import parser
from gfm_ra.server.settings import TOKEN

Tree = dict[str, Any]
KUBERNETES = "1.35"


@pytest.fixture
def job(manifests: Path) -> Tree:
    return yaml.safe_load((manifests / "rayjob.yaml").read_text())


@pytest.fixture(scope="session")
def job_schema() -> jsonschema.Draft202012Validator:
    schema = yaml.safe_load(Path(__file__).with_name("rayjob.schema.yaml").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def groups(job: Tree) -> list[Tree]:
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def pods(resources: list[Tree]) -> list[Tree]:
    """The pods that resources make: a RayJob's groups, a Deployment's template."""
    templates = [
        template
        for resource in resources
        for template in (
            [group["template"] for group in groups(resource)]
            if resource["kind"] == "RayJob"
            else [resource["spec"]["template"]] if resource["kind"] == "Deployment" else []
        )
    ]  # fmt: skip
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}} | template for template in templates
    ]


def read(path: Path) -> list[Tree]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("name", ["mlflow", "serve"])
def test_every_resource_is_one_that_kubernetes_takes(manifests: Path, name: str) -> None:
    for resource in read(manifests / f"{name}.yaml"):
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def test_the_job_is_one_that_kuberay_takes(job: Tree, job_schema: jsonschema.Draft202012Validator) -> None:
    job_schema.validate(job)
    assert set(yaml.safe_load(job["spec"]["runtimeEnvYAML"])) == {"env_vars"}


@pytest.mark.parametrize("name", ["mlflow", "serve", "rayjob"])
def test_every_pod_is_sound(manifests: Path, name: str) -> None:
    found = pods(read(manifests / f"{name}.yaml"))
    assert found
    for pod in found:
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        for container in pod["spec"]["containers"]:
            # The version is in the image's name: the same name is the same image.
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["resources"]["requests"].keys() == container["resources"]["limits"].keys()


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("spec",), "shutdownAfterJobFinish"),
        (("spec", "rayClusterSpec"), "enableInTreeAutoscalin"),
        (("spec", "rayClusterSpec", "headGroupSpec"), "rayStartParam"),
        (("spec", "rayClusterSpec", "workerGroupSpecs", 0), "maxReplica"),
    ],
)
def test_a_mistyped_field_of_the_job_is_noticed(
    job: Tree, job_schema: jsonschema.Draft202012Validator, path: tuple[str | int, ...], key: str
) -> None:
    place: Any = job
    for step in path:
        place = place[step]
    place[key] = 1
    assert [error.message for error in job_schema.iter_errors(job) if key in error.message]


def test_a_mistyped_field_of_a_pod_is_noticed(job: Tree) -> None:
    for pod in pods([job]):
        wrong = deepcopy(pod)
        wrong["spec"]["containers"][0]["imagePullPolicies"] = "Always"
        with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolicies"):
            kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", ["mlflow", "serve"])
def test_a_service_finds_the_pods_of_its_deployment(manifests: Path, name: str) -> None:
    by_kind = {resource["kind"]: resource for resource in read(manifests / f"{name}.yaml")}
    template = by_kind["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert by_kind["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert by_kind["Service"]["spec"]["selector"] == labels
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    (served,) = by_kind["Service"]["spec"]["ports"]
    assert ports[served["targetPort"]] == served["port"]
    assert f"--port={served['port']}" in container["args"]


def test_claims_of_the_server_exist_beside_it(manifests: Path) -> None:
    resources = read(manifests / "mlflow.yaml")
    claims = {item["metadata"]["name"] for item in resources if item["kind"] == "PersistentVolumeClaim"}
    (pod,) = pods(resources)
    used = {volume["persistentVolumeClaim"]["claimName"] for volume in pod["spec"]["volumes"]}
    assert used == claims


def test_jobs_and_service_call_the_server_by_its_name(manifests: Path, job: Tree) -> None:
    (service,) = [item for item in read(manifests / "mlflow.yaml") if item["kind"] == "Service"]
    address = f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"])["env_vars"]["MLFLOW_TRACKING_URI"] == address
    (pod,) = pods(read(manifests / "serve.yaml"))
    variables = {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}
    assert variables["MLFLOW_TRACKING_URI"] == address


def test_the_service_s_command_takes_these_options(manifests: Path) -> None:
    (pod,) = pods(read(manifests / "serve.yaml"))
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["gfm-ra", "serve"]
    chosen = parser().parse_args(["serve", *container["args"]])
    assert (chosen.workers, chosen.drain, chosen.follow) == (2, 10.0, 30.0)
    # Everybody has heard of the end before the pod is killed, and long requests are answered.
    assert chosen.drain + 2 * chosen.timeout < pod["spec"]["terminationGracePeriodSeconds"]
    (claimed,) = [item for item in container["env"] if item["name"] == TOKEN]
    assert claimed["valueFrom"]["secretKeyRef"] == {"name": "gfm-ra", "key": "token"}
