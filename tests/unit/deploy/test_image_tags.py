"""No image comes from a tag that moves to another release by itself."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.support.checkout import CHECKOUT

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()


def bases(dockerfile: str) -> list[str]:
    """Return the images that a Dockerfile starts from or copies from, without its own stages."""
    found = re.findall(r"^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", dockerfile, re.MULTILINE | re.IGNORECASE)
    copied = re.findall(r"--from=(\S+)", dockerfile)
    stages = {stage for _, stage in found}
    return [image for image in (*(image for image, _ in found), *copied) if image not in stages]


def is_pinned(image: str) -> bool:
    """Return whether an image names a digest, or a tag with at least a major and a minor number."""
    chosen = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", image)  # a variable of compose with a default
    _, _, tag = chosen.rpartition("/")[2].partition(":")
    return "@sha256:" in chosen or re.match(r"v?\d+\.\d+", tag) is not None


def test_every_image_that_a_dockerfile_starts_from_is_pinned() -> None:
    assert bases(DOCKERFILE)
    assert [image for image in bases(DOCKERFILE) if not is_pinned(image)] == []


def test_every_image_that_compose_pulls_is_pinned() -> None:
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    pulled = [service["image"] for service in services.values() if "build" not in service]
    assert pulled
    assert [image for image in pulled if not is_pinned(image)] == []


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("ubuntu", False),
        ("ubuntu:latest", False),
        ("ubuntu:noble", False),
        ("python:3", False),
        ("python:3.11-slim", True),
        ("registry.test:5000/python", False),
        ("registry.test:5000/python:3.11", True),
        ("mongo@sha256:" + "0" * 64, True),
        ("mongo:8.0@sha256:" + "0" * 64, True),
        ("${SHOWCASE_MONGO_IMAGE:-mongo:8.0}", True),
        ("${SHOWCASE_MONGO_IMAGE:-mongo}", False),
    ],
)
def test_a_floating_tag_is_told_from_a_pinned_one(image: str, pinned: bool) -> None:
    assert is_pinned(image) is pinned


def test_stages_are_no_images_and_what_is_copied_from_elsewhere_is() -> None:
    text = "FROM --platform=linux/amd64 ubuntu AS base\nFROM base\nCOPY --from=base /a /a\nCOPY --from=busybox /b /b\n"
    assert bases(text) == ["ubuntu", "busybox"]
