"""A model that does not answer in any time that a caller would wait."""

import time


def handle(data, context):
    if data:
        time.sleep(600)
    return []
