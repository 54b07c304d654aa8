"""Writes all sample pictures: ``python -m services.samples --out samples``."""

from __future__ import annotations

import argparse
from pathlib import Path

from services.samples import digits, flair


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.samples", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("samples"), help="folder to write into (samples)")
    folder = parser.parse_args().out
    for path in [*digits.render(folder), *flair.render_all(folder)]:
        print(path)


if __name__ == "__main__":
    main()
