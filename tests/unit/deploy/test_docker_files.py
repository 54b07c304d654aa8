"""What the compose file promises: nothing shown that need not be, nothing unbounded, no password of its own."""

from __future__ import annotations

import re

import pytest
import yaml

from gateway.settings import GatewaySettings
from orchestrator.settings import OrchestratorSettings
from runtime.settings import describe
from tests.support.checkout import CHECKOUT

COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ["proxy", "gateway", "orchestrator", "digit", "classification", "segmentation"]


def test_only_the_proxy_and_the_model_servers_are_published_on_the_loopback_address() -> None:
    published = {name: port for name, service in SERVICES.items() for port in service.get("ports", [])}
    assert set(published) == {"proxy", "digit", "classification", "segmentation"}
    for port in published.values():
        assert port.startswith(("127.0.0.1:", "${SHOWCASE_BIND:-127.0.0.1}:"))
        assert not port.endswith(":8081"), "the management port loads code"


@pytest.mark.parametrize("name", SERVICES)
def test_every_part_is_bounded_checked_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["healthcheck"]["test"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


@pytest.mark.parametrize("name", OURS)
def test_our_parts_have_no_rights_and_nothing_to_write_to(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_no_password_has_a_default() -> None:
    text = (CHECKOUT / "docker-compose.yml").read_text()
    used = re.findall(r"\$\{(\w*PASSWORD)([^}]*)\}", text)
    assert {name for name, _ in used} == {"SHOWCASE_MONGO_PASSWORD", "SHOWCASE_RABBITMQ_PASSWORD"}
    assert all(rest.startswith(":?copy .env.example") for _, rest in used)
    example = (CHECKOUT / ".env.example").read_text()
    for name, _ in used:
        assert f"\n{name}=\n" in example


def test_every_setting_that_is_passed_exists() -> None:
    known = {name for settings in (GatewaySettings, OrchestratorSettings) for name, _, _ in describe(settings)}
    for name in ("gateway", "orchestrator"):
        assert set(SERVICES[name]["environment"]) <= known


def test_work_has_time_to_end() -> None:
    drain = OrchestratorSettings.model_fields["drain_seconds"].default
    assert int(SERVICES["orchestrator"]["stop_grace_period"].removesuffix("s")) > drain + 5


def test_base_images_are_pinned_and_few() -> None:
    bases = set(re.findall(r"^FROM (\S+:\S+)", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE))
    assert bases == {"python:3.11-slim-bookworm"}
    assert SERVICES["mongo"]["image"] == "mongo:8.0"
    assert SERVICES["rabbitmq"]["image"] == "rabbitmq:4.1-management"
