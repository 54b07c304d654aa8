"""The workflow file: parse, validate, digest. Errors are reported on load, with file and line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, NoReturn

import yaml

from contracts.errors import InvalidWorkflow
from contracts.models.versions import PATTERN as MODEL_VERSION
from contracts.submissions.documents import ModelRef, Step, WorkflowRef
from contracts.workflows.expressions import Expression, InvalidExpression, compile_expression, macro_variables

MAX_FILE_BYTES = 64 * 1024
MAX_STEPS = 32
DEFAULT_TIMEOUT_SECONDS = 20.0
MAX_TIMEOUT_SECONDS = 600.0
FORMATS = ("png", "jpeg")

# \Z, because $ would let a name end in a line break; [0-9], because \d is every script's digits.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
VERSION = re.compile(r"v(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\Z")
_PIN = re.compile(rf"(?P<name>[A-Za-z][A-Za-z0-9_]{{0,127}})@(?P<version>{MODEL_VERSION})\Z")


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
    """A published version of a workflow. ``digest`` is the SHA-256 of its file."""

    name: str
    version: str
    title: str
    formats: tuple[str, ...]
    steps: tuple[StepSpec, ...]
    output: Mapping[str, Expression]
    digest: str

    @property
    def ref(self) -> WorkflowRef:
        return WorkflowRef(name=self.name, version=self.version, digest=self.digest)

    def fresh_steps(self) -> list[Step]:
        """Return the steps of a new submission: none has run."""
        return [Step(name=step.name, model=step.model) for step in self.steps]


def parse_workflow(content: bytes, file: str) -> Workflow:
    """Read one workflow file. Raises InvalidWorkflow with ``file:line:`` and how to correct it."""
    return _Parser(file).workflow(content)


class _Parser:
    """Reads YAML nodes and not values, because only nodes know their lines."""

    def __init__(self, file: str) -> None:
        self.file = file

    def refuse(self, node: yaml.Node | None, sentence: str) -> NoReturn:
        line = node.start_mark.line + 1 if node is not None else 1
        raise InvalidWorkflow(f"{self.file}:{line}: {sentence}")

    def workflow(self, content: bytes) -> Workflow:
        if len(content) > MAX_FILE_BYTES:
            self.refuse(None, f"a workflow file has at most {MAX_FILE_BYTES} bytes.")
        try:
            root = yaml.compose(content.decode(), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise InvalidWorkflow(f"{self.file}:{line}: this is not UTF-8 text.") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InvalidWorkflow(f"{self.file}:{line}: this is not YAML ({error.problem}).") from error
        except (yaml.YAMLError, RecursionError) as error:
            raise InvalidWorkflow(f"{self.file}:1: this is not YAML.") from error
        fields = self.mapping(root, {"workflow", "version", "title", "input", "steps", "output"})
        required = ("workflow", "version", "input", "steps", "output")
        self.require(root, fields, required)
        name = self.text(fields["workflow"])
        if not _NAME.match(name):
            self.refuse(fields["workflow"], f"{name!r} is no workflow name: lower-case letters, digits and _.")
        version = self.text(fields["version"])
        if not VERSION.match(version):
            self.refuse(fields["version"], f"{version!r} is no version: write it like v1.0.0.")
        steps = self.steps(fields["steps"])
        return Workflow(
            name=name,
            version=version,
            title=self.text(fields["title"]) if "title" in fields else name,
            formats=self.formats(fields["input"]),
            steps=tuple(steps.values()),
            output=self.output(fields["output"], steps),
            digest="sha256:" + hashlib.sha256(content).hexdigest(),
        )

    def formats(self, node: yaml.Node) -> tuple[str, ...]:
        fields = self.mapping(node, {"kind", "formats"})
        self.require(node, fields, ("kind",))
        if self.text(fields["kind"]) != "image":
            self.refuse(fields["kind"], "the one kind of input is image.")
        if "formats" not in fields:
            return FORMATS
        found = tuple(self.texts(fields["formats"]))
        if not found or not set(found) <= set(FORMATS):
            self.refuse(fields["formats"], f"formats are one or more of {', '.join(FORMATS)}.")
        return found

    def steps(self, node: yaml.Node) -> dict[str, StepSpec]:
        nodes = self.mapping(node)
        if not 1 <= len(nodes) <= MAX_STEPS:
            self.refuse(node, f"a workflow has 1 to {MAX_STEPS} steps.")
        steps = {name: self.step(name, value, nodes) for name, value in nodes.items()}
        try:
            TopologicalSorter({name: step.needs for name, step in steps.items()}).prepare()
        except CycleError as error:
            cycle: list[str] = error.args[1]
            self.refuse(nodes[cycle[0]], f"these steps wait for each other: {' -> '.join(cycle)}.")
        return steps

    def step(self, name: str, node: yaml.Node, all_steps: Mapping[str, yaml.Node]) -> StepSpec:
        if not _NAME.match(name):
            self.refuse(node, f"{name!r} is no step name: lower-case letters, digits and _.")
        fields = self.mapping(node, {"model", "when", "after", "timeout_seconds"})
        self.require(node, fields, ("model",))
        pin = self.text(fields["model"])
        match = _PIN.match(pin)
        if not match:
            self.refuse(fields["model"], f"{pin!r} does not pin a model: write name@1.0.0.")
        when = self.expression(fields["when"], all_steps) if "when" in fields else None
        after = frozenset(self.texts(fields["after"])) if "after" in fields else frozenset()
        for other in sorted(after):
            if other not in all_steps:
                self.refuse(fields["after"], self.unknown(other, all_steps))
        return StepSpec(
            name=name,
            model=ModelRef(name=match["name"], version=match["version"]),
            when=when,
            after=after,
            timeout_seconds=self.seconds(fields.get("timeout_seconds")),
        )

    def output(self, node: yaml.Node, steps: Mapping[str, StepSpec]) -> dict[str, Expression]:
        nodes = self.mapping(node)
        if not nodes:
            self.refuse(node, "a workflow has at least one output.")
        for name, value in nodes.items():
            if not _NAME.match(name):
                self.refuse(value, f"{name!r} is no output name: lower-case letters, digits and _.")
        return {name: self.expression(value, steps) for name, value in nodes.items()}

    def expression(self, node: yaml.Node, steps: Mapping[str, Any]) -> Expression:
        try:
            expression = compile_expression(self.text(node))
        except InvalidExpression as error:
            self.refuse(node, f"{error}.")
        for name in sorted(macro_variables(expression.source)):
            if name in steps:
                self.refuse(node, f"{name!r} is a step and a variable of this expression. Rename the variable.")
        for name in sorted(expression.names):
            if name not in steps:
                self.refuse(node, self.unknown(name, steps))
        return expression

    def seconds(self, node: yaml.Node | None) -> float:
        if node is None:
            return DEFAULT_TIMEOUT_SECONDS
        try:
            seconds = float(self.text(node))
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
            self.refuse(node, f"timeout_seconds is a number over 0 and up to {MAX_TIMEOUT_SECONDS:.0f}.")
        return seconds

    @staticmethod
    def unknown(name: str, steps: Mapping[str, Any]) -> str:
        return f"there is no step {name!r}. There are: {', '.join(steps)}."

    def mapping(self, node: yaml.Node | None, known: set[str] | None = None) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, "expected a mapping (name: value).")
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self.text(key)
            if name in fields:
                self.refuse(key, f"{name!r} is here twice.")
            if known is not None and name not in known:
                self.refuse(key, f"{name!r} is not known here. Known are: {', '.join(sorted(known))}.")
            fields[name] = value
        return fields

    def require(self, node: yaml.Node | None, fields: Mapping[str, yaml.Node], names: Iterable[str]) -> None:
        for name in names:
            if name not in fields:
                self.refuse(node, f"{name!r} is missing.")

    def text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, "expected one value.")
        return str(node.value)

    def texts(self, node: yaml.Node) -> list[str]:
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, "expected a list.")
        return [self.text(item) for item in node.value]
