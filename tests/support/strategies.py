"""Workflow files as hypothesis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

GATES = ("{0}.go", "!{0}.go", "{0}.go && {1}.go", "{0}.go || !{1}.go", "has({0}.go)", "{0}.number > 0")
UNDECIDABLE = "{0}.nothing == 1"


@st.composite
def workflow_files(draw: st.DrawFn, name: str = "drawn") -> str:
    """One to four steps that gate on and wait for each other in any way, in any order in the file.

    Each step has a model of its own name, which answers ``go`` (true or false), ``number`` and perhaps ``mask``.
    """
    steps = [f"s{number}" for number in range(draw(st.integers(1, 4)))]
    lines = {}
    for number, step in enumerate(steps):
        fields = [f"model: {step}@1.0.0", "timeout_seconds: 5"]
        earlier = st.sampled_from(steps[:number]) if number else st.nothing()
        if number and draw(st.booleans()):
            gate = draw(st.sampled_from((*GATES, *GATES, UNDECIDABLE)))
            fields.append(f'when: "{gate.format(draw(earlier), draw(earlier))}"')
        if number and draw(st.booleans()):
            fields.append(f"after: [{draw(earlier)}]")
        lines[step] = f"  {step}: {{{', '.join(fields)}}}"
    order = draw(st.permutations(steps))
    output = [f"  {step}_number: {step}.number" for step in steps]
    head = [f"workflow: {name}", "version: v1.0.0", "input: {kind: image}", "steps:"]
    return "\n".join([*head, *(lines[step] for step in order), "output:", *output, ""])
