"""What TorchServe's answers mean, against a real one whose models misbehave."""

import pytest

from contracts.errors import ModelCrashed, ModelNotLoaded, ModelRefused, ModelTimeout, ModelUnavailable
from contracts.models.answers import read_answer
from contracts.submissions.documents import ModelRef
from contracts.submissions.images import StoredImage
from deploy.local.cluster import recall_cluster
from deploy.local.model_server import model_server_temporary
from deploy.torchserve.launch import management_socket
from deploy.torchserve.management import Management, ManagementError
from orchestrator.adapters.model_servers.torchserve import TorchServeModels
from orchestrator.settings import parse_servers
from tests.support.factories import png
from tests.support.local_cluster import LocalCluster, free_ports
from tests.support.patience import eventually


@pytest.fixture
def models(addresses: dict[str, str]) -> TorchServeModels:
    return TorchServeModels(parse_servers(addresses["SHOWCASE_MODEL_SERVERS"]))


def ask(
    models: TorchServeModels, name: str, body: str, timeout: float = 15.0, version: str = "1.0"
) -> tuple[object, str]:
    return models.predict(ModelRef(name=name, version=version), StoredImage("image/png", body.encode()), timeout)


def test_an_answer_names_its_server(models: TorchServeModels, addresses: dict[str, str]) -> None:
    answer, server = ask(models, "refuses", "answer")
    assert answer == {"digit": 7, "score": 0.5}
    assert addresses["SHOWCASE_MODEL_SERVERS"] == f"*={server}"


def test_a_refusal_carries_the_models_message(models: TorchServeModels) -> None:
    with pytest.raises(ModelRefused) as caught:
        ask(models, "refuses", "refuse")
    assert caught.value.message == "The image is damaged."


def test_a_broken_handler_is_a_crash(models: TorchServeModels) -> None:
    with pytest.raises(ModelCrashed):
        ask(models, "refuses", "raise")


def test_a_dying_worker_is_a_crash_or_an_unavailable_model(models: TorchServeModels) -> None:
    with pytest.raises((ModelCrashed, ModelUnavailable)):
        ask(models, "crashes", "x")


def test_a_hanging_model_times_out(models: TorchServeModels) -> None:
    # The server's own limit is 20 s, and then it answers: that is a crash.
    with pytest.raises(ModelTimeout):
        ask(models, "hangs", "x", timeout=1.0)


def test_an_unknown_model_or_version_is_not_loaded(models: TorchServeModels) -> None:
    with pytest.raises(ModelNotLoaded):
        ask(models, "nosuch", "x")
    with pytest.raises(ModelNotLoaded):
        ask(models, "refuses", "answer", version="9.9")


@pytest.mark.parametrize("kind", ["list", "text", "nan", "deep", "media", "base64", "long"])
def test_an_invalid_answer_is_refused(models: TorchServeModels, kind: str) -> None:
    with pytest.raises(ModelRefused):
        read_answer(ask(models, "garbles", kind)[0])


def test_a_server_that_is_down_is_unavailable() -> None:
    models = TorchServeModels({"*": f"http://127.0.0.1:{free_ports(1)}"})
    with pytest.raises(ModelUnavailable):
        ask(models, "refuses", "answer")


def test_a_model_without_a_server_is_refused() -> None:
    models = TorchServeModels({"other": "http://127.0.0.1:1"})
    with pytest.raises(ModelRefused, match="SHOWCASE_MODEL_SERVERS"):
        ask(models, "refuses", "answer")


def test_the_worked_example_of_a_model_is_served(models: TorchServeModels) -> None:
    bright, dark = png(32, 32, colour="white"), png(32, 32, colour="black")
    for content, expected in ((bright, True), (dark, False)):
        answer, _ = models.predict(
            ModelRef(name="image_brightness", version="1.0.0"), StoredImage("image/png", content), 15
        )
        assert isinstance(answer, dict)
        assert answer["bright"] is expected
    with pytest.raises(ModelRefused, match="not a PNG or JPEG"):
        ask(models, "image_brightness", "no picture", version="1.0.0")


def test_the_management_socket_loads_scales_and_unloads(parts: LocalCluster) -> None:
    management = Management(management_socket(model_server_temporary(recall_cluster(parts.home).settings)))
    assert {"refuses", "garbles"} <= set(management.models())
    with pytest.raises(ManagementError) as caught:
        management.load("garbles.mar")
    assert caught.value.status == 409
    management.scale("garbles", "1.0", 2)
    [described] = management.describe("garbles", "1.0")
    assert len(described["workers"]) == 2
    management.unload("garbles", "1.0")
    assert not management.ready("garbles", "1.0")
    management.load("garbles.mar")
    eventually(lambda: management.ready("garbles", "1.0"))
