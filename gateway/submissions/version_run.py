"""The version of a workflow that a submission runs, as the API shows it. Pure."""

from __future__ import annotations

from pydantic import Field

from contracts.submissions.documents import WorkflowRef
from contracts.workflows.definition import is_draft


class VersionRun(WorkflowRef):
    """The version of a workflow that a submission runs."""

    draft: bool = Field(
        description="Whether it is a draft, which may have been overwritten since; `digest` names the text that ran."
    )


def version_run(workflow: WorkflowRef) -> VersionRun:
    return VersionRun(**workflow.model_dump(), draft=is_draft(workflow.version))
