"""The tutorial's workflow and the answers that it shows, without the platform around them."""

from __future__ import annotations

import re

from contracts.workflows.definition import Workflow
from contracts.workflows.workflow_file import parse_workflow
from tests.support.checkout import CHECKOUT, DOCS
from tests.support.pages import blocks

PAGE = DOCS / "tutorial.md"
EXAMPLE = DOCS / "examples" / "image_brightness"


def workflow() -> Workflow:
    (text,) = blocks(PAGE, "yaml")
    return parse_workflow(text.encode(), "workflows/bright_digit/v1.0.0.yaml")


def test_the_workflow_is_what_the_page_calls_it() -> None:
    assert str(workflow().ref.name) == "bright_digit"
    assert f"workflows/{workflow().ref.name}/{workflow().ref.version}.yaml" in PAGE.read_text()


def test_its_models_are_the_example_and_a_shipped_one() -> None:
    models = {str(step.model) for step in workflow().steps}
    for name, folder in (("image_brightness", EXAMPLE), ("digit_recognizer", CHECKOUT / "services/digit_recognizer")):
        (version,) = re.findall(r"^version: \"?([\d.]+)", (folder / "service.yaml").read_text(), re.MULTILINE)
        assert f"{name}@{version}" in models


def test_the_second_version_differs_by_the_two_lines_that_the_command_changes() -> None:
    (command,) = [block for block in blocks(PAGE, "sh") if block.startswith("sed ")]
    (text,) = blocks(PAGE, "yaml")
    changed = text
    for old, new in re.findall(r"s/([^/]+)/([^/]+)/", command.split("'")[1]):
        assert old in changed, old
        changed = changed.replace(old, new)
    second = parse_workflow(changed.encode(), "workflows/bright_digit/v1.1.0.yaml")
    assert second.ref.version == "v1.1.0"
    assert [step.when for step in second.steps] != [step.when for step in workflow().steps]


def test_the_sample_images_that_it_sends_are_there() -> None:
    for image in re.findall(r"samples/[\w/]+\.(?:png|jpg)", PAGE.read_text()):
        assert (CHECKOUT / image).is_file(), image
