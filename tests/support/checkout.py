"""Where the checkout's folders are, for tests that read its files or start its programs."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLES = CHECKOUT / "samples"
DOCS = CHECKOUT / "docs"
