import pickle

import pytest

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.models import PodTemplate

MANIFEST = {
    "containers": [{"name": "primary", "env": [{"name": "B", "value": "1"}]}],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "x", "tolerationSeconds": 3}],
}


@pytest.mark.parametrize("given", [{}, {"pod_spec": None}])
def test_by_default_the_pod_is_the_primary_container(given):
    assert PodTemplate(**given).manifest() == {"containers": [{"name": "primary"}]}
    assert PodTemplate(primary_container_name="main", **given).manifest() == {"containers": [{"name": "main"}]}


def test_a_manifest_is_copied():
    template = PodTemplate(MANIFEST)
    manifest = template.manifest()
    assert manifest == MANIFEST
    manifest["containers"][0]["env"].append("more")
    assert template.manifest() == MANIFEST


@pytest.mark.parametrize("pod_spec", ["name", 5, [], object()])
def test_a_pod_of_another_type_is_refused(pod_spec):
    with pytest.raises(InvalidTypeError, match="pod_spec"):
        PodTemplate(pod_spec)


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize("value", ["a=b", {"a": 1}, {1: "a"}, [("a", "b")]])
def test_labels_are_texts(field, value):
    with pytest.raises(InvalidTypeError, match=field):
        PodTemplate(**{field: value})


def test_the_primary_container_has_a_name():
    with pytest.raises(InvalidValueError, match="primary_container_name"):
        PodTemplate(primary_container_name="")
    with pytest.raises(InvalidTypeError, match="primary_container_name"):
        PodTemplate(primary_container_name=None)


def test_a_template_becomes_flytes_message():
    pod = PodTemplate(MANIFEST, labels={"a": "b"}, annotations={"c": "d"}).to_k8s_pod()
    assert dict(pod.metadata.labels) == {"a": "b"}
    assert dict(pod.metadata.annotations) == {"c": "d"}
    assert pod.primary_container_name == "primary"
    assert pod.pod_spec["nodeSelector"]["disk"] == "ssd"


def test_templates_are_values():
    assert PodTemplate(MANIFEST) == PodTemplate(dict(MANIFEST))
    assert pickle.loads(pickle.dumps(PodTemplate(MANIFEST))) == PodTemplate(MANIFEST)


def test_a_pod_of_the_kubernetes_client_gives_what_its_client_sends():
    client = pytest.importorskip("kubernetes.client")
    from datetime import datetime, timezone

    spec = client.V1PodSpec(
        init_containers=[client.V1Container(name="setup", image="busybox", command=["true"])],
        containers=[
            client.V1Container(
                name="primary",
                env=[client.V1EnvVar(name="A", value="")],
                resources=client.V1ResourceRequirements(limits={"cpu": "1"}, requests={}),
                ports=[client.V1ContainerPort(container_port=80)],
                tty=False,
            )
        ],
        node_selector={"disk": "ssd", "a_b": "c"},
        volumes=[client.V1Volume(name="v", empty_dir=client.V1EmptyDirVolumeSource(size_limit="1Gi"))],
        active_deadline_seconds=0,
    )
    template = PodTemplate(spec)
    sanitize = client.ApiClient().sanitize_for_serialization
    assert template.manifest() == sanitize(spec)
    template.manifest()["containers"].clear()
    assert len(spec.containers) == 1
    now = datetime(2026, 1, 2, tzinfo=timezone.utc)
    assert PodTemplate({"at": now, "day": now.date()}).manifest() == sanitize({"at": now, "day": now.date()})


def test_a_plain_manifest_needs_no_kubernetes():
    import subprocess
    import sys

    code = (
        "import sys; from flyte_core.models import PodTemplate; PodTemplate({'containers': []}).manifest();"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'kubernetes']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
