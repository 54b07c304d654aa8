"""A workflow file is accepted, or refused with file and line."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.errors import InvalidWorkflow
from contracts.workflows.definition import Workflow
from contracts.workflows.workflow_file import DEFAULT_TIMEOUT_SECONDS, MAX_FAULTS, MAX_FILE_BYTES, parse_workflow

BASE = """\
workflow: flow
version: v1.0.0
title: A title
input: {kind: image, formats: [png]}
steps:
  first:
    model: classifier@1.2.0
    timeout_seconds: 5
  second:
    model: segmenter@1.0
    when: first.label == 'yes'
    after: [first]
output:
  label: first.label
  image: second.mask
"""


def parse(text: str) -> Workflow:
    return parse_workflow(text.encode(), "flow.yaml")


def change(old: str, new: str) -> str:
    assert BASE.count(old) == 1, old
    return BASE.replace(old, new)


def refusal(text: str | bytes) -> str:
    with pytest.raises(InvalidWorkflow) as caught:
        parse_workflow(text.encode() if isinstance(text, str) else text, "flow.yaml")
    return caught.value.message


def test_a_good_file_is_read() -> None:
    workflow = parse(BASE)
    first, second = workflow.steps
    assert (workflow.name, workflow.version, workflow.title, workflow.formats) == (
        "flow",
        "v1.0.0",
        "A title",
        ("png",),
    )
    assert (str(first.model), first.timeout_seconds, first.when, first.needs) == (
        "classifier@1.2.0",
        5.0,
        None,
        frozenset(),
    )
    assert second.needs == {"first"}
    assert second.timeout_seconds == DEFAULT_TIMEOUT_SECONDS
    assert {name: expression.source for name, expression in workflow.output.items()} == {
        "label": "first.label",
        "image": "second.mask",
    }


@pytest.mark.parametrize(
    "version", ["1", "1.0", "1.0.0", "1.0.0-rc.1", "1.0.0-draft", "1.0.0-0", "1.0.0-alpha-2.x7.0", "10.2.3-20260301a"]
)
def test_a_pin_may_be_short_or_a_prerelease(version: str) -> None:
    first, _ = parse(change("@1.2.0", f"@{version}")).steps
    assert (first.model.name, first.model.version) == ("classifier", version)


@pytest.mark.parametrize(("text", "seconds"), [("600", 600.0), ("0.001", 0.001), ("6e2", 600.0)])
def test_a_time_limit_goes_up_to_its_bound(text: str, seconds: float) -> None:
    assert parse(change("seconds: 5", f"seconds: {text}")).steps[0].timeout_seconds == seconds


def test_what_may_be_left_out_has_a_default() -> None:
    workflow = parse(BASE.replace("title: A title\n", "").replace(", formats: [png]", ""))
    assert workflow.title == "flow"
    assert workflow.formats == ("png", "jpeg")


def test_a_new_submission_starts_with_every_step_pending() -> None:
    assert [(step.name, step.state, step.tries) for step in parse(BASE).fresh_steps()] == [
        ("first", "pending", 0),
        ("second", "pending", 0),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        pytest.param("workflow: flow\n", "", 1, "'workflow' is missing", id="no name"),
        pytest.param("version: v1.0.0\n", "", 1, "'version' is missing", id="no version"),
        pytest.param("input: {kind: image, formats: [png]}\n", "", 1, "'input' is missing", id="no input"),
        pytest.param("    model: classifier@1.2.0\n", "", 7, "'model' is missing", id="no model"),
        pytest.param("title: A title", "titel: A title", 3, "'titel' is not known here", id="unknown key"),
        pytest.param("    after: [first]", "    if: first", 12, "'if' is not known here", id="unknown key of a step"),
        pytest.param("kind: image", "sort: image", 4, "'sort' is not known here", id="unknown key of the input"),
        pytest.param("title: A title", "version: v2.0.0", 3, "'version' is here twice", id="key twice"),
        pytest.param("  second:\n", "  first:\n", 9, "'first' is here twice", id="step twice"),
        pytest.param("  image: s", "  label: s", 15, "'label' is here twice", id="output twice"),
        pytest.param("flow\n", "Flow\n", 1, "'Flow' is no workflow name", id="upper case name"),
        pytest.param("flow\n", "a/../b\n", 1, "is no workflow name", id="path as name"),
        pytest.param("flow\n", '"flow\\n"\n', 1, "is no workflow name", id="name with a line break"),
        pytest.param("flow\n", "[flow]\n", 1, "expected one value", id="list as name"),
        pytest.param("v1.0.0", "1.0.0", 2, "'1.0.0' is no version: write it like v1.0.0", id="version without v"),
        pytest.param("v1.0.0", "v1.0", 2, "is no version", id="short version"),
        pytest.param("v1.0.0", "v01.0.0", 2, "is no version", id="version with a leading zero"),
        pytest.param("v1.0.0", "v1.0.0-rc1", 2, "is no version", id="version with a suffix"),
        pytest.param("v1.0.0", '"v1.0.0\\n"', 2, "is no version", id="version with a line break"),
        pytest.param("v1.0.0", "v\u0661.0.0", 2, "is no version", id="version in other digits"),
        pytest.param("v1.0.0", "v" + "9" * 5000 + ".0.0", 2, "is no version", id="endless version"),
        pytest.param("image, formats", "text, formats", 4, "the one kind of input is image", id="kind of input"),
        pytest.param("[png]", "[gif]", 4, "formats are one or more of png, jpeg", id="unknown format"),
        pytest.param("[png]", "[]", 4, "formats are one or more of", id="no format"),
        pytest.param("[png]", "png", 4, "expected a list", id="format that is no list"),
        pytest.param("[png]", "[[png]]", 4, "expected one value", id="format in a nest"),
        pytest.param("@1.2.0", "", 7, "'classifier' does not pin a model", id="unpinned"),
        pytest.param("@1.2.0", "@latest", 7, "does not pin a model: write name@1.0.0", id="pinned to a word"),
        pytest.param("@1.2.0", "@", 7, "does not pin a model", id="pinned to nothing"),
        pytest.param("classifier@", "../x@", 7, "does not pin a model", id="path as model"),
        pytest.param("@1.2.0", "@1.0.0-beta!x", 7, "does not pin a model", id="prerelease with a sign"),
        pytest.param("@1.2.0", "@1.0.0-", 7, "does not pin a model", id="prerelease without a word"),
        pytest.param("@1.2.0", "@1.0.0-rc.", 7, "does not pin a model", id="prerelease that ends in a dot"),
        pytest.param("@1.2.0", "@1.0.0-rc.01", 7, "does not pin a model", id="prerelease with a leading zero"),
        pytest.param("@1.2.0", "@1.0-rc.1", 7, "does not pin a model", id="prerelease of a short version"),
        pytest.param("@1.2.0", "@1.0.0+build", 7, "does not pin a model", id="build metadata"),
        pytest.param("@1.2.0", "@1.0.0/../x", 7, "does not pin a model", id="path behind the version"),
        pytest.param("classifier@1.2.0", '"classifier@1.2.0\\n"', 7, "does not pin", id="pin with a line break"),
        pytest.param("classifier@1.2.0", '"classifier@1.2.0-rc\\n"', 7, "does not pin", id="prerelease with a break"),
        pytest.param("@1.2.0", "@1.2.\u0660", 7, "does not pin a model", id="pin in other digits"),
        pytest.param("classifier@", "x" * 129 + "@", 7, "does not pin a model", id="endless model name"),
        pytest.param("@1.2.0", "@1.2." + "9" * 10, 7, "does not pin a model", id="endless pin"),
        pytest.param("@1.2.0", "@1.2.0-" + "x" * 65, 7, "does not pin a model", id="endless prerelease"),
        pytest.param("seconds: 5", "seconds: 600.001", 8, "up to 600", id="time just over the bound"),
        pytest.param("seconds: 5", "seconds: inf", 8, "up to 600", id="infinite time"),
        pytest.param("seconds: 5", "seconds: 0", 8, "timeout_seconds is a number over 0", id="no time"),
        pytest.param("seconds: 5", "seconds: -1", 8, "timeout_seconds is", id="negative time"),
        pytest.param("seconds: 5", "seconds: nan", 8, "timeout_seconds is", id="time that is no number"),
        pytest.param("seconds: 5", "seconds: 1e9", 8, "up to 600", id="endless time"),
        pytest.param("seconds: 5", "seconds: soon", 8, "timeout_seconds is", id="time as a word"),
        pytest.param("== 'yes'", "==", 11, "is not valid CEL", id="bad CEL"),
        pytest.param("first.label == 'yes'", "''", 11, "is not valid CEL", id="empty CEL"),
        pytest.param("first.label ==", "thrid.label ==", 11, "there is no step 'thrid'", id="unknown step in a gate"),
        pytest.param("[first]", "[frist]", 12, "there is no step 'frist'. There are: first, second", id="in after"),
        pytest.param("second.mask", "third.mask", 15, "there is no step 'third'", id="unknown step in the output"),
        pytest.param("second.mask", "sum(second.mask)", 15, "calls sum(), which CEL does not have", id="function"),
        pytest.param("second.mask", "second.mask.now()", 15, "calls now()", id="unknown method"),
        pytest.param("second.mask", "'" + "x" * 1001 + "'", 15, "at most 1000 characters", id="long expression"),
        pytest.param("second.mask", "[second, mask]", 15, "expected one value", id="list as expression"),
        pytest.param("  image:", "  $where:", 15, "'$where' is no output name", id="output with a dollar"),
        pytest.param("  image:", "  a.b:", 15, "'a.b' is no output name", id="output with a dot"),
        pytest.param("[first]", "[second]", 10, "these steps wait for each other", id="step after itself"),
        pytest.param("  first:\n", "  First:\n", 7, "'First' is no step name", id="step name"),
        pytest.param("timeout_seconds: 5", "after: [second]", 0, "wait for each other: ", id="cycle through after"),
        pytest.param("timeout_seconds: 5", "when: second.x", 0, "wait for each other: ", id="cycle through gates"),
        pytest.param("title: A title", "title: {A: title}", 3, "expected one value", id="mapping as title"),
        pytest.param("title: A title", "? [a]\n: b", 3, "expected one value", id="list as key"),
        pytest.param("title: A title", "title: 'A", 0, "this is not YAML", id="open quote"),
        pytest.param("title: A title", "\ttitle: A", 3, "this is not YAML", id="tab"),
        pytest.param("title: A title", "---", 3, "this is not YAML", id="two documents"),
        pytest.param("title: A title", "<<: {title: A}", 3, "'<<' is not known here", id="merge key"),
        pytest.param("title: A title", "title: *nobody", 3, "this is not YAML", id="alias of nothing"),
        pytest.param("title: A title", "title: \0", 0, "this is not YAML", id="zero"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(old: str, new: str, line: int, words: str) -> None:
    sentence = refusal(change(old, new))
    match = re.match(r"flow\.yaml:(\d+): .*\.$", sentence, re.DOTALL)
    assert match, sentence
    assert words in sentence
    if line:
        assert int(match[1]) == line, sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "flow.yaml:1: expected a mapping"),
        (b"text", "flow.yaml:1: expected a mapping"),
        (b"- a", "flow.yaml:1: expected a mapping"),
        (b"a: 1\nb: \xe9\n", "flow.yaml:2: this is not UTF-8 text"),
        (BASE.encode("utf-16"), "flow.yaml:1: this is not UTF-8 text"),
        (b"x" * (MAX_FILE_BYTES + 1), f"flow.yaml:1: a workflow file has at most {MAX_FILE_BYTES} bytes"),
        (b"[" * 5_000, "flow.yaml:1: this is not YAML"),
        (b"{a: " * 15_000, "flow.yaml:1: this is not YAML"),
        (b"- " * 30_000, "flow.yaml:1: this is not YAML"),
        (b"!!python/object/apply:os.system ['true']", "flow.yaml:1: expected a mapping"),
        (b"&a [*a]", "flow.yaml:1: expected a mapping"),
    ],
)
def test_what_is_no_workflow_file_at_all_is_refused(content: bytes, words: str) -> None:
    assert refusal(content).startswith(words)


def test_an_alias_bomb_costs_nothing() -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert refusal("\n".join(lines)).startswith("flow.yaml:1: 'a' is not known here")
    assert "expected one value" in refusal(change("[first]", "[&a [first, first], *a, *a]"))


def test_an_anchor_may_stand_for_what_is_said_twice() -> None:
    text = change("classifier@1.2.0", "&model classifier@1.2.0").replace("segmenter@1.0", "*model")
    assert {str(step.model) for step in parse(text).steps} == {"classifier@1.2.0"}


def test_a_mapping_that_holds_itself_ends_in_a_sentence() -> None:
    assert "'first' is not known here" in refusal(change("  first:\n", "  first: &a\n    first: *a\n"))


def test_a_workflow_has_a_step_and_an_output_and_not_too_many() -> None:
    head = BASE[: BASE.index("steps:")]
    assert "1 to 32 steps" in refusal(head + "steps: {}\noutput: {a: b.c}\n")
    many = "".join(f"  s{n}: {{model: m@1}}\n" for n in range(33))
    assert "1 to 32 steps" in refusal(head + "steps:\n" + many + "output: {a: s1.c}\n")
    assert "at least one output" in refusal(BASE[: BASE.index("output:")] + "output: {}\n")


@pytest.mark.parametrize(
    "source",
    [
        "first.boxes.exists(x, x.score > 0.5)",
        "first.boxes.all(x, x.inner.exists(y, y > x.score))",
        "first.boxes.filter(x, x > 1).size() > 0",
        "first.boxes.map(x, x > 1, x * 2)[0] == 2",
        "first.boxes .exists_one ( x , x == 1)",
        "has(first.label) && first.label in ['a', 'b']",
        "first.label.startsWith('a') || first.label.matches('^b')",
        "size(first.boxes) > 2 ? true : false",
    ],
)
def test_expressions_read_steps_and_not_their_own_variables(source: str) -> None:
    step = parse(change("first.label == 'yes'", f'"{source}"')).steps[1]
    assert step.when is not None
    assert step.when.names == {"first"}


def test_a_variable_named_like_a_step_is_refused() -> None:
    # The step would be taken for the variable, and what reads it would not wait for it.
    sentence = refusal(change("second.mask", "second.boxes.exists(first, first.x > 1) && first.y"))
    assert sentence.startswith("flow.yaml:15: 'first' is a step and a variable")


@given(st.text(max_size=60))
@example("(" * 400 + "1" + ")" * 400)
@example("!" * 999)
@example("[" * 450 + "1" + "]" * 450)
def test_no_expression_raises_anything_but_a_refusal(source: str) -> None:
    quoted = '"' + "".join(f"\\U{ord(character):08x}" for character in source) + '"'
    try:
        parse(change("second.mask", quoted))
    except InvalidWorkflow as error:
        assert error.message.startswith("flow.yaml:")  # noqa: PT017  # most texts are refused, some are expressions


@given(st.binary(max_size=300))
def test_no_file_raises_anything_but_a_refusal(content: bytes) -> None:
    assert refusal(content).startswith("flow.yaml:")


@given(st.integers(min_value=0, max_value=len(BASE) - 1), st.characters(max_codepoint=0x2FF))
def test_a_file_with_one_character_changed_is_read_or_refused(place: int, character: str) -> None:
    text = BASE[:place] + character + BASE[place + 1 :]
    try:
        parse(text)
    except InvalidWorkflow as error:
        assert re.match(r"flow\.yaml:\d+: ", error.message)  # noqa: PT017  # either outcome is right


def test_the_digest_is_the_files() -> None:
    assert parse(BASE).digest == parse(BASE).digest
    assert parse(BASE).digest.startswith("sha256:")
    assert parse(BASE).digest != parse(BASE + "# a remark\n").digest
    assert parse(BASE).ref.digest == parse(BASE).digest


SEVERAL_ERRORS = """\
workflow: Flow
version: v1
input: {kind: text}
steps:
  first:
    model: classifier
    timeout_seconds: 0
    colour: red
  second:
    model: segmenter@1.0
    when: third.label == 'yes'
    after: [first, fourth]
output:
  label: first.label
  image: nowhere.mask
"""


def test_every_error_is_reported_with_its_place() -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        parse_workflow(SEVERAL_ERRORS.encode(), "flow.yaml")
    found = [(fault.line, fault.column, fault.message.split(":")[0].split(".")[0]) for fault in caught.value.faults]
    assert found == [
        (1, 11, "'Flow' is no workflow name"),
        (2, 10, "'v1' is no version"),
        (3, 15, "the one kind of input is image"),
        (6, 12, "'classifier' does not pin a model"),
        (7, 22, "timeout_seconds is a number over 0 and up to 600"),
        (8, 5, "'colour' is not known here"),
        (11, 11, "there is no step 'third'"),
        (12, 12, "there is no step 'fourth'"),
        (15, 10, "there is no step 'nowhere'"),
    ]
    assert len(caught.value.message.splitlines()) == len(found)
    assert caught.value.message.startswith("flow.yaml:1: 'Flow' is no workflow name")


def test_the_number_of_reported_errors_is_bounded() -> None:
    steps = "".join(f"  s{number}: {{model: x, colour: y, shape: z}}\n" for number in range(30))
    text = f"workflow: f\nversion: v1.0.0\ninput: {{kind: image}}\nsteps:\n{steps}output: {{a: s1.b}}"
    with pytest.raises(InvalidWorkflow) as caught:
        parse_workflow(text.encode(), "f")
    assert len(caught.value.faults) == MAX_FAULTS


def test_labels_are_bounded() -> None:
    assert parse(BASE + "description: |\n  Two\n  lines\n").description == "Two\nlines"
    assert "at most 200 characters" in refusal(change("A title", "t" * 201))
    assert "one line" in refusal(change("A title", '"two\\nlines"'))
    assert "at most 4000 characters" in refusal(BASE + "description: " + "d" * 4001)


@pytest.mark.parametrize("version", ["v1.0.0-draft", "v0.0.1"])
def test_a_version_may_be_a_draft(version: str) -> None:
    assert parse(change("v1.0.0", version)).is_draft == version.endswith("-draft")


@pytest.mark.parametrize("suffix", ["-beta", "-draft-draft", "-draft.1", "-Draft", "draft"])
def test_other_suffixes_are_refused(suffix: str) -> None:
    assert "is no version" in refusal(change("v1.0.0", "v1.0.0" + suffix))


def test_the_content_digest_leaves_out_layout_and_labels() -> None:
    plain = parse(BASE)
    same = parse("# a comment\ndescription: words\n" + change("A title", "Another").replace("5\n", "5.0\n"))
    assert same.digest != plain.digest
    assert same.content_digest == plain.content_digest
    for old, new in [
        ("@1.2.0", "@1.2.1"),
        ("'yes'", "'no'"),
        ("[png]", "[jpeg]"),
        ("seconds: 5", "seconds: 6"),
        ("    after: [first]\n", ""),
        ("label: first.label", "other: first.label"),
        ("v1.0.0", "v1.0.1"),
    ]:
        assert parse(change(old, new)).content_digest != plain.content_digest, old
