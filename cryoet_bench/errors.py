"""Failures that the user can act on, each one sentence."""

from __future__ import annotations

from collections.abc import Iterable


class InputError(Exception):
    """Something given from outside cannot be used; the message says what, where and what to do.

    The command line prints the message alone and exits with 2.
    """


def hint(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return what to do about a name that is not known: the closest one, or something else."""
    import difflib  # noqa: PLC0415  (measured processes import this module, and name nothing)

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def require_known(name: str, known: Iterable[str], what: str) -> None:
    """Raise for a name that is not known.

    Raises
    ------
    InputError
        There is none such.
    """
    names = list(known)
    if name not in names:
        what_to_do = hint(name, names, f"choose one of {', '.join(names)}")
        raise InputError(f"there is no {what} {name!r}: {what_to_do}")
