"""The tree of errors is the one that its docstring draws."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contracts import errors

NODE = re.compile(r"^ {4}(?P<rails>[|` -]*)(?P<name>[A-Z]\w+)(?P<words>.*)$")


def drawn() -> Iterator[tuple[str, str, str]]:
    """Yield (class, its parent, the words beside it)."""
    parents = ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        if match := NODE.match(line):
            depth = len(match["rails"]) // 4
            parents[depth + 1 :] = [match["name"]]
            yield match["name"], parents[depth], match["words"]


def classes() -> list[type[errors.ShowcaseError]]:
    found = [errors.ShowcaseError]
    for kind in found:
        found.extend(sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__)
    return found


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {(kind.__name__, kind.__bases__[0].__name__) for kind in classes()}
    assert {(name, parent) for name, parent, _ in drawn()} == real


def test_the_words_say_which_errors_are_retryable() -> None:
    said = {name for name, _, words in drawn() if "(retryable" in words}
    assert said == {kind.__name__ for kind in classes() if kind.retryable}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in classes()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_an_error_is_its_sentence() -> None:
    error = errors.StoreUnavailable("The database is away.")
    assert error.message == str(error) == "The database is away."
    assert errors.ModelTimeout("Too slow.", server="http://m").server == "http://m"
