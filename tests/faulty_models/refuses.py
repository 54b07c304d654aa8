"""A model that breaks, refuses or answers: the request's body says which. Each item of a batch for itself."""

import json


def handle(data, context):
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
