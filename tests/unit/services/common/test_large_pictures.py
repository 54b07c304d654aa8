"""The archive for large pictures differs from the model's own in its version, and in how TorchServe batches."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import yaml

from services.common.large_pictures import CONFIGURATION, MANIFEST, write_large_archive

SERVING = {"minWorkers": 2, "maxWorkers": 4, "batchSize": 16, "maxBatchDelay": 50, "responseTimeout": 20}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "m_1.2.0.mar"
    with zipfile.ZipFile(path, "w") as archive:
        manifest = {"model": {"modelName": "m", "modelVersion": "1.2.0"}, "runtime": "python"}
        archive.writestr(MANIFEST, json.dumps(manifest))
        archive.writestr(CONFIGURATION, yaml.safe_dump(SERVING))
        archive.writestr("services/m/handler.py", "pass")
        archive.writestr("m.safetensors", b"\0\1")
    return path


def test_its_pictures_are_read_one_at_a_time_under_a_version_of_their_own(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "m_1.2.0-large.mar"
    write_large_archive(source, target)
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(target) as made:
        assert made.namelist() == given.namelist()
        manifest = json.loads(made.read(MANIFEST))
        assert manifest == {"model": {"modelName": "m", "modelVersion": "1.2.0-large"}, "runtime": "python"}
        assert yaml.safe_load(made.read(CONFIGURATION)) == {
            **SERVING,
            "minWorkers": 1,
            "maxWorkers": 1,
            "batchSize": 1,
            "maxBatchDelay": 1,
        }
        for name in ("services/m/handler.py", "m.safetensors"):
            assert made.read(name) == given.read(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m_1.2.0-large.mar", "m_1.2.0.mar"]
