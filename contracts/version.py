"""The version of ML Showcase, written here alone.

The OpenAPI document and both pyproject.toml files read this module, and the client's package contains it through a
symbolic link. A Dockerfile cannot read a file into a label, so a test compares the images' label with it.
"""

from __future__ import annotations

VERSION = "0.2.0"
