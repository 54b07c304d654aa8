"""The errors of the local cluster, each with a sentence that a person can act on."""

from __future__ import annotations

from pathlib import Path


class ClusterError(Exception):
    """The cluster cannot run the command.

    ``sentence`` names the part, what is wrong and what to do. ``log`` is the file whose last lines say more.
    """

    def __init__(self, sentence: str, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.log = log


def last_lines(log: Path, count: int = 15) -> list[str]:
    """Return the last ``count`` lines of a log file, or none when there is no such file."""
    try:
        with log.open("rb") as handle:
            handle.seek(0, 2)
            handle.seek(max(0, handle.tell() - count * 4 * 1024))
            return handle.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []


def explain(error: ClusterError) -> str:
    """Return the sentence and, where there is a log, its path and its last lines."""
    lines = [error.sentence]
    if error.log is not None:
        tail = last_lines(error.log)
        lines.append(f"The last lines of {error.log}:" if tail else f"{error.log} is empty.")
        lines += [f"    {line}" for line in tail]
    return "\n".join(lines)
