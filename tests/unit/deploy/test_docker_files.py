"""What the compose file promises: nothing shown that need not be, nothing unbounded, no password of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.settings import GatewaySettings
from orchestrator.settings import OrchestratorSettings
from runtime.settings import describe
from tests.support.checkout import CHECKOUT
from tests.support.patience import PATIENCE

COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def test_only_the_proxy_is_published_and_on_the_loopback_address() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert set(published) == {"proxy"}
    for port in published["proxy"]:
        assert port.startswith(("127.0.0.1:", "${SHOWCASE_BIND:-127.0.0.1}:"))
    inside = {port.rsplit(":", 1)[1] for port in published["proxy"]}
    bound = set(re.findall(r"^ *bind :(\d+)$", (CHECKOUT / "deploy/docker/haproxy.cfg").read_text(), re.MULTILINE))
    assert inside == bound


def test_only_what_must_reach_out_is_in_a_network_with_a_way_out() -> None:
    open_networks = {name for name, options in COMPOSE["networks"].items() if not (options or {}).get("internal")}
    reaching = {name: set(service["networks"]) & open_networks for name, service in SERVICES.items()}
    assert {name: found for name, found in reaching.items() if found} == {
        "proxy": {"public"},  # an internal network publishes no port
        "orchestrator": {"outside"},  # it sends the webhooks
    }
    assert {name for name, service in SERVICES.items() if "back" in service["networks"]} == {
        *("gateway", "orchestrator", "mongo", "rabbitmq")
    }


@pytest.mark.parametrize("name", SERVICES)
def test_every_part_is_bounded_checked_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["healthcheck"]["test"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_part_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert 0 < service["pids_limit"] <= 4096
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])
    assert all(re.search(r":size=\d+m\b", mount) for mount in service["tmpfs"]), "a full one would fill the memory"
    # The public images start as root, give the data to their own user, and become it.
    needed = {"CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"} if name in {"mongo", "rabbitmq"} else set()
    assert set(service.get("cap_add", [])) == needed
    assert not {"privileged", "pid", "network_mode", "devices", "user"} & service.keys()


def test_a_gateway_may_have_a_thread_for_each_connection() -> None:
    connections = GatewaySettings.model_fields["connections"].default
    for name in ("gateway", "mongo"):
        assert SERVICES[name]["pids_limit"] > connections + 100


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


DIGEST = r"@sha256:[0-9a-f]{64}"


def _public_images() -> dict[str, str]:
    """Return the images that are not built here: the variable that replaces each, and what it is by default."""
    named = {service["image"] for service in SERVICES.values() if "build" not in service}
    for service in SERVICES.values():
        named |= set(service.get("build", {}).get("args", {}).values())
    found = {image: re.fullmatch(r"\$\{(\w+):-([^}]+)\}", image) for image in named}
    assert all(found.values()), f"no variable replaces one of {named}"
    return {match[1]: match[2] for match in found.values() if match}


def test_every_public_image_is_named_by_its_digest_and_can_be_replaced() -> None:
    images = _public_images()
    assert {name: re.sub(DIGEST, "", image) for name, image in images.items()} == {
        "PYTHON_IMAGE": "python:3.11-slim-bookworm",
        "MONGO_IMAGE": "mongo:8.0",
        "RABBITMQ_IMAGE": "rabbitmq:4.1-management",
    }
    assert all(re.search(f"{DIGEST}$", image) for image in images.values())
    example = (CHECKOUT / ".env.example").read_text()
    assert all(f"#{name}=" in example for name in images)


def test_every_part_that_is_built_gets_its_base_image_by_digest() -> None:
    for service in SERVICES.values():
        if "build" in service:
            assert set(service["build"]["args"]) == {"PYTHON_IMAGE"}


def bases(dockerfile: str) -> set[str]:
    """Return what a Dockerfile's stages are built from, other than its own stages, with the defaults of its ARGs."""
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", dockerfile, re.MULTILINE))
    stages = re.findall(r"^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", dockerfile, re.MULTILINE | re.IGNORECASE)
    own = {name for _, name in stages}
    used = {re.sub(r"\$\{?(\w+)\}?", lambda found: arguments.get(found[1], ""), base) for base, _ in stages}
    copied = set(re.findall(r"^COPY\s+(?:--\S+\s+)*?--from=(\S+)", dockerfile, re.MULTILINE))
    return (used | copied) - own


@pytest.mark.parametrize(
    ("dockerfile", "found"),
    [
        ("FROM ubuntu\n", {"ubuntu"}),
        ("from ubuntu as a\nFROM a\n", {"ubuntu"}),
        ("FROM --platform=linux/amd64 alpine:3 AS a\nFROM a AS b\n", {"alpine:3"}),
        ("ARG BASE=debian\nFROM ${BASE} AS a\nCOPY --from=busybox /x /x\n", {"debian", "busybox"}),
        ("FROM a AS b\nCOPY --chown=1:1 --from=b /x /x\n", {"a"}),
    ],
)
def test_every_base_of_a_dockerfile_is_seen(dockerfile: str, found: set[str]) -> None:
    assert bases(dockerfile) == found


def test_base_images_are_pinned_and_few() -> None:
    # By its tag, so that one command builds the single container anywhere; compose names the digest.
    assert bases((CHECKOUT / "Dockerfile").read_text()) == {"python:3.11-slim-bookworm"}


def test_digests_are_brought_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "deploy" / "docker").mkdir(parents=True)
    script = shutil.copy(CHECKOUT / "deploy" / "docker" / "pin-images.sh", tmp_path / "deploy" / "docker")
    compose = tmp_path / "docker-compose.yml"
    shutil.copy(CHECKOUT / "docker-compose.yml", compose)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    environment = os.environ | {"PATH": f"{docker.parent}:{os.environ['PATH']}"}

    def pin(answer: str) -> subprocess.CompletedProcess[str]:
        docker.write_text(f"#!/bin/sh\necho {answer}\n")
        docker.chmod(0o755)
        return subprocess.run([script], env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)

    before = compose.read_text()
    new = "sha256:" + "0123456789abcdef" * 4
    said = pin(new)
    assert said.returncode == 0, said.stderr
    assert sorted(said.stdout.splitlines()) == sorted(
        f"{re.sub(DIGEST, '', image)} is now {new}" for image in _public_images().values()
    )
    assert compose.read_text() == re.sub(DIGEST, f"@{new}", before)
    assert pin(new).stdout == ""
    refused = pin("unknown")
    assert refused.returncode == 1
    assert "has no digest: unknown" in refused.stderr
