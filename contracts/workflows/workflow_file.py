"""The workflow file: parse and validate. Every error is reported, with file, line and column."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from typing import Any, NoReturn

import yaml

from contracts.errors import InvalidWorkflow, WorkflowFault
from contracts.models.versions import PATTERN as MODEL_VERSION
from contracts.submissions.documents import ModelRef
from contracts.workflows.definition import VERSION, StepSpec, Workflow
from contracts.workflows.expressions import Expression, InvalidExpression, compile_expression, macro_variables

MAX_FILE_BYTES = 64 * 1024
MAX_STEPS = 32
MAX_FAULTS = 50
"""How many errors of one file are reported."""

MAX_TITLE = 200
MAX_DESCRIPTION = 4000
DEFAULT_TIMEOUT_SECONDS = 20.0
MAX_TIMEOUT_SECONDS = 600.0
FORMATS = ("png", "jpeg")

# \Z, because $ would let a name end in a line break; [0-9], because \d is every script's digits.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_PIN = re.compile(rf"(?P<name>[A-Za-z][A-Za-z0-9_]{{0,127}})@(?P<version>{MODEL_VERSION})\Z")


def parse_workflow(content: bytes, file: str) -> Workflow:
    """Read one workflow file.

    Raises InvalidWorkflow with every error that was found, each as ``file:line:`` and how to correct it.
    """
    parser = _Parser()
    workflow = None
    with parser.gathered():
        workflow = parser.workflow(content)
    if workflow is None or parser.faults:
        faults = sorted(parser.faults, key=lambda fault: (fault.line, fault.column))[:MAX_FAULTS]
        raise InvalidWorkflow("\n".join(f"{file}:{fault.line}: {fault.message}" for fault in faults), faults)
    return workflow


class _Refused(Exception):
    """A node cannot be read. What contains it is read on, for the errors that are left."""

    def __init__(self, fault: WorkflowFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Parser:
    """Reads YAML nodes and not values, because only nodes know their lines."""

    def __init__(self) -> None:
        self.faults: list[WorkflowFault] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep the error of the node that is read inside, and go on after it."""
        try:
            yield
        except _Refused as error:
            self.faults.append(error.fault)

    def add(self, node: yaml.Node | None, sentence: str) -> None:
        mark = node.start_mark if node is not None else None
        self.faults.append(WorkflowFault(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, sentence))

    def refuse(self, node: yaml.Node | None, sentence: str) -> NoReturn:
        self.add(node, sentence)
        raise _Refused(self.faults.pop())

    def workflow(self, content: bytes) -> Workflow | None:
        """Return the workflow, or None if errors were gathered. Raises _Refused where nothing more can be read."""
        root = self.root(content)
        fields = self.mapping(root, {"workflow", "version", "title", "description", "input", "steps", "output"})
        self.require(root, fields, ("workflow", "version", "input", "steps", "output"))
        name = version = title = description = ""
        formats: tuple[str, ...] = ()
        steps: dict[str, StepSpec] = {}
        step_names: Mapping[str, Any] = {}
        output: dict[str, Expression] = {}
        with self.gathered():
            name = self.name(fields)
        with self.gathered():
            version = self.version(fields)
        with self.gathered():
            title = self.label(fields, "title", MAX_TITLE)
        with self.gathered():
            description = self.label(fields, "description", MAX_DESCRIPTION)
        with self.gathered():
            formats = self.formats(fields.get("input"))
        with self.gathered():
            if "steps" in fields:
                step_names = self.mapping(fields["steps"])
                steps = self.steps(fields["steps"], step_names)
        with self.gathered():
            # Without steps, every expression would name an unknown one.
            if "output" in fields and step_names:
                output = self.output(fields["output"], step_names)
        if self.faults:
            return None
        return Workflow(
            name=name,
            version=version,
            title=title or name,
            description=description,
            formats=formats,
            steps=tuple(steps.values()),
            output=output,
            digest="sha256:" + hashlib.sha256(content).hexdigest(),
        )

    def root(self, content: bytes) -> yaml.Node | None:
        if len(content) > MAX_FILE_BYTES:
            self.refuse(None, f"a workflow file has at most {MAX_FILE_BYTES} bytes.")
        try:
            return yaml.compose(content.decode(), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise _Refused(WorkflowFault(line, 1, "this is not UTF-8 text.")) from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise _Refused(WorkflowFault(line, column, f"this is not YAML ({error.problem}).")) from error
        except (yaml.YAMLError, RecursionError) as error:
            raise _Refused(WorkflowFault(1, 1, "this is not YAML.")) from error

    def name(self, fields: Mapping[str, yaml.Node]) -> str:
        if "workflow" not in fields:
            return ""
        name = self.text(fields["workflow"])
        if not _NAME.match(name):
            self.refuse(fields["workflow"], f"{name!r} is no workflow name: lower-case letters, digits and _.")
        return name

    def version(self, fields: Mapping[str, yaml.Node]) -> str:
        if "version" not in fields:
            return ""
        version = self.text(fields["version"])
        if not VERSION.match(version):
            self.refuse(fields["version"], f"{version!r} is no version: write it like v1.0.0, or v1.0.0-draft.")
        return version

    def label(self, fields: Mapping[str, yaml.Node], name: str, limit: int) -> str:
        if name not in fields:
            return ""
        text = self.text(fields[name]).strip()
        if len(text) > limit:
            self.refuse(fields[name], f"a {name} has at most {limit} characters.")
        if name == "title" and not text.isprintable():
            self.refuse(fields[name], "a title is one line of text.")
        return text

    def formats(self, node: yaml.Node | None) -> tuple[str, ...]:
        if node is None:
            return FORMATS
        fields = self.mapping(node, {"kind", "formats"})
        self.require(node, fields, ("kind",))
        if "kind" in fields and self.text(fields["kind"]) != "image":
            self.refuse(fields["kind"], "the one kind of input is image.")
        if "formats" not in fields:
            return FORMATS
        found = tuple(self.texts(fields["formats"]))
        if not found or not set(found) <= set(FORMATS):
            self.refuse(fields["formats"], f"formats are one or more of {', '.join(FORMATS)}.")
        return found

    def steps(self, node: yaml.Node, nodes: Mapping[str, yaml.Node]) -> dict[str, StepSpec]:
        if not 1 <= len(nodes) <= MAX_STEPS:
            self.refuse(node, f"a workflow has 1 to {MAX_STEPS} steps.")
        steps: dict[str, StepSpec] = {}
        for name, value in nodes.items():
            with self.gathered():
                steps[name] = self.step(name, value, nodes)
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
        model = ModelRef(name="", version="")
        when, after, seconds = None, frozenset[str](), DEFAULT_TIMEOUT_SECONDS
        with self.gathered():
            model = self.model(fields.get("model"))
        with self.gathered():
            when = self.expression(fields["when"], all_steps) if "when" in fields else None
        with self.gathered():
            after = frozenset(self.texts(fields["after"])) if "after" in fields else frozenset()
        for other in sorted(after - set(all_steps)):
            self.add(fields["after"], self.unknown(other, all_steps))
        with self.gathered():
            seconds = self.seconds(fields.get("timeout_seconds"))
        return StepSpec(name=name, model=model, when=when, after=after & set(all_steps), timeout_seconds=seconds)

    def model(self, node: yaml.Node | None) -> ModelRef:
        if node is None:
            return ModelRef(name="", version="")
        pin = self.text(node)
        match = _PIN.match(pin)
        if not match:
            self.refuse(node, f"{pin!r} does not pin a model: write name@1.0.0.")
        return ModelRef(name=match["name"], version=match["version"])

    def output(self, node: yaml.Node, steps: Mapping[str, Any]) -> dict[str, Expression]:
        nodes = self.mapping(node)
        if not nodes:
            self.refuse(node, "a workflow has at least one output.")
        output: dict[str, Expression] = {}
        for name, value in nodes.items():
            with self.gathered():
                if not _NAME.match(name):
                    self.refuse(value, f"{name!r} is no output name: lower-case letters, digits and _.")
                output[name] = self.expression(value, steps)
        return output

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
            with self.gathered():
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
                self.add(node, f"{name!r} is missing.")

    def text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, "expected one value.")
        return str(node.value)

    def texts(self, node: yaml.Node) -> list[str]:
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, "expected a list.")
        return [self.text(item) for item in node.value]
