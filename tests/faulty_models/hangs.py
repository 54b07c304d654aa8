"""A model that does not answer within any caller's timeout."""

import time
from collections.abc import Sequence


def handle(data: Sequence[object] | None, context: object) -> list[str]:
    if data:
        time.sleep(600)
    return []
