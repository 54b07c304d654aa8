"""Save the pictures of submissions as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from showcase.client import Client
from showcase.resources import Submission
from showcase.saving import save


def file_stems(sent: Sequence[tuple[Path, Submission]]) -> list[str]:
    """Return the stem of each image's files: the image's own stem, with the submission's id where two are equal."""
    count = Counter(image.stem for image, _ in sent)
    return [image.stem if count[image.stem] == 1 else f"{image.stem}.{each.id[:8]}" for image, each in sent]


def write_artifacts(client: Client, submission: Submission, folder: Path, name: str) -> dict[str, Path]:
    """Save each available picture as ``<name>.<artifact>``; return the paths by artifact."""
    written: dict[str, Path] = {}
    for artifact in client.artifacts(submission.id) if submission.artifacts else ():
        # The server chooses the name, so it must not act as a path here.
        path = folder / f"{name}.{Path(artifact.name).name}"
        folder.mkdir(parents=True, exist_ok=True)
        save([client.artifact(submission.id, artifact.name)], path)
        written[artifact.name] = path
    return written
