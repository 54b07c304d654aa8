"""Pictures of submissions as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from showcase.client import Client
from showcase.resources import Submission
from showcase.saving import save


def file_stems(sent: Sequence[tuple[Path, Submission]]) -> list[str]:
    """Return what each image's files begin with: its name, and where two share one, the submission's id as well."""
    count = Counter(image.stem for image, _ in sent)
    return [image.stem if count[image.stem] == 1 else f"{image.stem}.{each.id[:8]}" for image, each in sent]


def write_artifacts(client: Client, submission: Submission, folder: Path, name: str) -> dict[str, Path]:
    """Write ``<name>.<artifact>`` for each picture that can be had, and return where each went."""
    written: dict[str, Path] = {}
    for artifact in client.artifacts(submission.id) if submission.artifacts else ():
        # A name is the server's to choose and never a path here.
        path = folder / f"{name}.{Path(artifact.name).name}"
        folder.mkdir(parents=True, exist_ok=True)
        save([client.artifact(submission.id, artifact.name)], path)
        written[artifact.name] = path
    return written
