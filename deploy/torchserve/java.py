"""Finds a Java runtime that is new enough for TorchServe."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST_JAVA = 17


def java_version(output: str) -> int:
    """Return the major version in the output of ``java -version``, 0 when there is none. "1.8.0" is 8."""
    found = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(found.group(1)) if found else 0


def find_java() -> str | None:
    """Return a Java runtime that is new enough: JAVA_HOME's, the one on PATH, or one that Debian installed."""
    candidates = [os.environ["JAVA_HOME"] + "/bin/java"] if os.environ.get("JAVA_HOME") else []
    candidates += [found] if (found := shutil.which("java")) else []
    candidates += [str(path) for path in sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True)]
    for candidate in candidates:
        try:
            output = subprocess.run([candidate, "-version"], capture_output=True, text=True, check=False).stderr
        except OSError:
            continue
        if java_version(output) >= OLDEST_JAVA:
            return candidate
    return None
