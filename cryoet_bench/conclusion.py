"""How a command ends: with an exit code and, where something went wrong, with one sentence.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Callable

from cryoet_bench import extras
from cryoet_bench.errors import InputError

GOOD, FINDING, NOT_DONE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


def conclude(work: Callable[[], int | None], *, debug: bool = False) -> int:
    """Return the exit code of a command; whatever goes wrong is one sentence on standard error.

    Parameters
    ----------
    work : callable
        The command. It returns its exit code, None for 0.
    debug : bool
        Print the traceback, too.

    Returns
    -------
    int
        What `work` returned; 2 where it raised, 130 where it was interrupted.
    """
    try:
        code = work() or GOOD
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  (a command ends in a sentence, whatever happened)
        if debug:
            with contextlib.suppress(OSError, ValueError):
                traceback.print_exception(error)
        if isinstance(error, OSError):
            _abandon_output()
        # The reader of a closed pipe has seen what it wanted and needs no sentence.
        if not isinstance(error, BrokenPipeError):
            say(sentence(error))
        return NOT_DONE
    return code


def sentence(error: Exception, *, shows: str = "--debug") -> str:
    """Return the sentence for an error: what happened, and what can be done about it.

    Parameters
    ----------
    error : Exception
        What a command raised.
    shows : str
        The option with which the command prints the traceback.
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ImportError) and (advice := extras.explained(error)):
        return advice
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, OSError):
        return _of_the_system(error, shows)
    what = " ".join(str(error).split()) or "without a word"
    return (
        f"this was not foreseen, {type(error).__name__}: {what}; "
        f"please report it at {tracker()} with what {shows} prints"
    )


def _of_the_system(error: OSError, shows: str) -> str:
    try:
        os.getcwd()  # noqa: PTH109  (Path.cwd is this)
    except OSError:
        return "the working folder is gone: change to another one"
    what = error.strerror or " ".join(str(error).split()) or type(error).__name__
    where = f": {error.filename}" if error.filename else ""
    return f"{what}{where} ({shows} shows where it happened)"


def say(text: str) -> None:
    """Print a sentence on standard error, whatever characters it has and wherever that leads."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        encoding = sys.stderr.encoding or "ascii"
        known = f"cryoet-bench: {text}\n".encode(encoding, "backslashreplace").decode(encoding)
        sys.stderr.write(known)
        sys.stderr.flush()


def tracker() -> str:
    """Return where the project takes reports, as its metadata say."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        known = importlib.metadata.metadata("cryoet-bench")
        listed: list[str] = known.get_all("Project-URL") or []
        urls: dict[str, str] = {
            label.lower(): url for label, _, url in (line.partition(", ") for line in listed)
        }
        for label in ("issues", "bug tracker", "tracker", "repository", "source", "homepage"):
            if url := urls.get(label):
                return url
    return "the project's issue tracker"


def _abandon_output() -> None:
    """Let nothing that is still buffered be written when the interpreter ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
