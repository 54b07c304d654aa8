"""Checks the folder of workflows before `up` changes anything, and compares it with what a running cluster has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import requests

from contracts.errors import InvalidSetting, InvalidWorkflow
from contracts.workflows.catalogue import FileFault, WorkflowText, read_folder
from deploy.local.errors import ClusterError
from deploy.local.ports import HOST
from deploy.local.settings import CHECKOUT, ClusterSettings
from runtime.settings import values_from_files

FOLDER = "SHOWCASE_WORKFLOWS"
ANSWER_SECONDS = 3.0


def workflows_folder(settings: ClusterSettings) -> Path:
    """Return the folder that the gateway will read. Raises ClusterError when the file that names it is unreadable."""
    try:
        given = {**settings.passed_on, **values_from_files(settings.passed_on, [FOLDER])}
    except InvalidSetting as error:
        raise ClusterError(error.message) from error
    return CHECKOUT / given.get(FOLDER, "workflows")


def checked_workflows(settings: ClusterSettings) -> list[WorkflowText]:
    """Return the folder's workflows. Raises ClusterError with every error of every file."""
    try:
        found, faults = read_folder(workflows_folder(settings))
    except InvalidWorkflow as error:
        raise ClusterError(f"{error.message}\nNothing was started or stopped.") from error
    if faults:
        raise ClusterError(faults_text(faults))
    return found


def faults_text(faults: list[FileFault]) -> str:
    """Return every error on a line of its own, and what to do. Pure."""
    files = len({fault.file for fault in faults})
    count = f"{len(faults)} error{'s' * (len(faults) > 1)} in {files} workflow file{'s' * (files > 1)}"
    advice = "Correct them and run make up again; python -m admin workflows validate checks without starting."
    return "\n".join([*map(_shown, faults), f"{count}. Nothing was started or stopped. {advice}"])


def contradictions(texts: Iterable[WorkflowText], gateway_port: int) -> list[str] | None:
    """Return a sentence for each file whose release is published with another content; None if no gateway answers.

    It is no error: the published version goes on. A draft is overwritten, so that its file cannot contradict.
    """
    found = []
    with requests.Session() as http:
        for each in texts:
            workflow = each.workflow
            if workflow.is_draft:
                continue
            address = f"http://{HOST}:{gateway_port}/api/v2/workflows/{workflow.name}/{workflow.version}"
            try:
                answer = http.get(address, timeout=ANSWER_SECONDS)
                published = answer.json().get("content_digest") if answer.ok else None
            except (requests.RequestException, ValueError, AttributeError):
                return None
            if published is not None and published != workflow.content_digest:
                found.append(
                    f"{_path(each.path)}: {workflow.name} {workflow.version} is published with another content, which "
                    "goes on. Put the old text back, and publish the change as a new version."
                )
    return found


def _shown(fault: FileFault) -> str:
    return f"{_path(fault.file)}:{fault.line}:{fault.column}: {fault.message}"


def _path(path: Path | None) -> Path | None:
    # As a person in the checkout would type it, and an editor opens it.
    return path.relative_to(CHECKOUT) if path is not None and path.is_relative_to(CHECKOUT) else path
