"""Where commands print: results on standard output, what else there is to say on standard error.

Names are printed as they are, even where they look like an emoji of rich.
"""

from __future__ import annotations

from rich.console import Console


def for_results(width: int = 140) -> Console:
    """Return the console of a command's results.

    Parameters
    ----------
    width : int
        In characters, of a file or a pipe, which has no edge to fold a table at.
    """
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = width
    return console


def aside() -> Console:
    """Return the console of all that is no result."""
    return Console(stderr=True, highlight=False, emoji=False)
