"""A model that breaks, refuses or answers: the request's body says which. It treats each item of a batch alone."""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol


class Context(Protocol):
    """The part of TorchServe's context that this handler uses."""

    def set_response_status(self, code: int, phrase: str, idx: int) -> None: ...


def handle(data: Sequence[Mapping[str, bytes]] | None, context: Context) -> list[str]:
    answers = []
    for index, item in enumerate(data or []):
        wish = bytes(item["body"]).decode()
        if wish == "raise":
            raise ValueError("a broken handler")
        if wish == "refuse":
            context.set_response_status(400, "InvalidImage", idx=index)
            answers.append(json.dumps({"code": 400, "type": "InvalidImage", "message": "The image is damaged."}))
        else:
            answers.append(json.dumps({"digit": 7, "score": 0.5}))
    return answers
