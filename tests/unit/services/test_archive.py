"""Archives: what goes in, when they are built again, and how a wrong description is reported."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from services import archive

MODEL = archive.SERVICES_DIR / "digit_recognizer"


def test_an_archive_holds_what_the_handler_imports_and_no_training() -> None:
    names = set(archive.stage(archive.read_service(MODEL), archive.SERVICES_DIR.parent))
    assert {"services/__init__.py", "services/common/image_handler.py", "services/digit_recognizer/ink.py"} <= names
    assert not names & {
        f"services/digit_recognizer/{name}.py" for name in ("train", "dataset", "evaluate", "synthetic")
    }
    # TorchServe's worker has modules of these names at its root.
    assert not names & {"utils.py", "metrics.py", "context.py", "service.py"}


def test_every_imported_module_of_this_repository_is_staged() -> None:
    files = archive.stage(archive.read_service(MODEL), archive.SERVICES_DIR.parent)
    for name, content in files.items():
        if name.endswith(".py"):
            for node in ast.walk(ast.parse(content)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("services."):
                    assert str(node.module).replace(".", "/") + ".py" in files


def test_a_second_build_is_left_out_and_a_change_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = archive.read_service(MODEL)
    assert archive.build(service, tmp_path)
    assert zipfile.is_zipfile(tmp_path / "digit_recognizer_1.0.0.mar")
    assert zipfile.is_zipfile(tmp_path / "digit_recognizer_1.0.0-large.mar")
    monkeypatch.setattr(subprocess, "run", lambda *_args, **_options: pytest.fail("built again"))
    assert not archive.build(service, tmp_path)
    changed = archive.Service(**{**vars(service), "serving": {**service.serving, "batchSize": 2}})
    assert archive.digest_of(changed, archive.stage(changed, archive.SERVICES_DIR.parent)) != archive.digest_of(
        service, archive.stage(service, archive.SERVICES_DIR.parent)
    )


def test_a_failing_archiver_leaves_no_archive_and_reports_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(archive.ArchiveError, match="could not archive digit_recognizer"):
        archive.build(archive.read_service(MODEL), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 1.0}, "'version' must be a str"),
        ({"extra": 1}, "may have decode_bytes, jpeg_decode_bytes, overlay, and no others"),
        ({"overlay": {}}, "must have the key mask"),
        ({"overlay": {"mask": "mask", "color": "red"}}, "no key color; it has mask, channel"),
        ({"overlay": {"mask": 1}}, "'overlay.mask' must be a field's name"),
        ({"overlay": {"mask": "mask", "channel": 1}}, "one of red, green, blue"),
        ({"overlay": {"mask": "mask", "fill": None}}, "'overlay.fill' must be a colour in quotes"),
        ({"overlay": {"mask": "mask", "fill_opacity": "0.5"}}, "a number from 0"),
        ({"handler": "no class"}, "module:Class"),
        ({"weights": "weights/none.safetensors"}, "are missing; train"),
    ],
)
def test_a_wrong_description_says_what_would_be_right(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    (tmp_path / "w").write_bytes(b"")
    found = {"name": "m", "version": "1.0.0", "handler": "a.b:C", "weights": "w", "serving": {}}
    (tmp_path / "service.yaml").write_text(yaml.safe_dump({**found, **change}))
    with pytest.raises(archive.ArchiveError, match=sentence):
        archive.read_service(tmp_path)


def test_an_overlay_is_described_and_not_archived() -> None:
    folder = archive.SERVICES_DIR / "bms_flair_abnormality_segmentation"
    service = archive.read_service(folder)
    assert service.overlay is not None
    assert service.overlay["channel"] == "green"
    bare = archive.Service(**{**vars(service), "overlay": None})
    assert archive.stage(service, archive.SERVICES_DIR.parent) == archive.stage(bare, archive.SERVICES_DIR.parent)
