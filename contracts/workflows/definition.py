"""A version of a workflow as values: its steps, its output, its labels and its digests. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.submissions.documents import ModelRef, Step, WorkflowRef
from contracts.workflows.expressions import Expression

_NUMBER = "(?:0|[1-9][0-9]{0,8})"
VERSION = re.compile(rf"v({_NUMBER})\.({_NUMBER})\.({_NUMBER})(-draft)?\Z")
"""A release, as v1.0.0, or a draft of one, as v1.0.0-draft. \\Z, because $ would let it end in a line break."""

VERSION_LENGTH = 40
"""No version is longer."""


@dataclass(frozen=True)
class StepSpec:
    """One call of a model: its gate, the steps that it waits for, and its timeout in seconds."""

    name: str
    model: ModelRef
    when: Expression | None
    after: frozenset[str]
    timeout_seconds: float

    @property
    def needs(self) -> frozenset[str]:
        """The steps that must be settled before this one starts."""
        return self.after | (self.when.names if self.when else frozenset())


@dataclass(frozen=True)
class Workflow:
    """One version of a workflow. ``digest`` is the SHA-256 of its file.

    ``title`` and ``description`` are labels: they may change after the version was published, the rest may not.
    """

    name: str
    version: str
    title: str
    description: str
    formats: tuple[str, ...]
    steps: tuple[StepSpec, ...]
    output: Mapping[str, Expression]
    digest: str

    @property
    def ref(self) -> WorkflowRef:
        return WorkflowRef(name=self.name, version=self.version, digest=self.digest)

    @property
    def is_draft(self) -> bool:
        return is_draft(self.version)

    @property
    def content_digest(self) -> str:
        """The SHA-256 of what the version does: equal for files that differ in layout, comments and labels alone."""
        content = {
            "workflow": self.name,
            "version": self.version,
            "formats": sorted(self.formats),
            "steps": [
                {
                    "name": step.name,
                    "model": str(step.model),
                    "when": step.when.source if step.when else None,
                    "after": sorted(step.after),
                    "timeout_seconds": step.timeout_seconds,
                }
                for step in self.steps
            ],
            "output": {name: expression.source for name, expression in self.output.items()},
        }
        return "sha256:" + hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def fresh_steps(self) -> list[Step]:
        """Return the steps of a new submission: none has run."""
        return [Step(name=step.name, model=step.model) for step in self.steps]


def is_draft(version: str) -> bool:
    """Return whether the version is a draft, which may be overwritten and runs only when it is named."""
    return version.endswith("-draft")


def version_key(version: str) -> tuple[int, ...]:
    """Return the version's place in the order of versions: a draft comes before its release."""
    match = VERSION.match(version)
    assert match, version
    return (*map(int, match.groups()[:3]), 0 if match[4] else 1)
