"""A model that answers nonsense: the request's body says which."""

from collections.abc import Mapping, Sequence

NONSENSE = {
    "list": "[1, 2, 3]",
    "text": "not json at all",
    "nan": '{"score": NaN}',
    "deep": "[" * 3000 + "]" * 3000,
    "media": '{"mask": {"media_type": "text/html", "data": "aGk="}}',
    "base64": '{"mask": {"media_type": "image/png", "data": "***"}}',
    "long": '{"text": "' + "x" * (6 * 1024 * 1024) + '"}',
}


def handle(data: Sequence[Mapping[str, bytes]] | None, context: object) -> list[str]:
    return [NONSENSE[bytes(item["body"]).decode()] for item in data or []]
