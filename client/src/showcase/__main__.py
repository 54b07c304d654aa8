"""The entry point of ``showcase`` and ``python -m showcase``."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from showcase.commands import app
from showcase.commands.exit_codes import DEFECT, INTERRUPTED, PIPE_CLOSED, exit_code_of
from showcase.commands.output import print_error
from showcase.errors import ShowcaseError


def main() -> NoReturn:
    """Run the command line and exit. An error prints one sentence, never a traceback."""
    try:
        app(prog_name="showcase")
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = PIPE_CLOSED
    except ShowcaseError as error:
        print_error(error)
        code = exit_code_of(error)
    except OSError as error:
        print_error(f"{error.filename or 'A file'} cannot be read or written: {error.strerror or error}.")
        code = 2
    except Exception as error:
        if os.environ.get("SHOWCASE_TRACEBACK"):
            raise
        print_error(
            f"The client has a defect ({type(error).__name__}: {error}). Please report it with the output of the same "
            "command under SHOWCASE_TRACEBACK=1."
        )
        code = DEFECT
    _flush()
    sys.exit(code)


def _flush() -> None:
    """Write buffered output now: a reader that closed the pipe (``| head``) must not cause an error at exit."""
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
