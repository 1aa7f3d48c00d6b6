"""List the evaluations: `python -m evaluations` prints what each of them answers."""

from __future__ import annotations

import ast
from pathlib import Path

from rich.console import Console
from rich.table import Table


def questions(folder: Path) -> dict[str, str]:
    """Return the first line of the docstring of every program in a folder, by its name."""
    found = {}
    for path in sorted(folder.glob("[a-z]*.py")):
        text = path.read_text("utf-8")
        docstring = ast.get_docstring(ast.parse(text))
        if docstring and "__name__ ==" in text:
            found[path.stem] = docstring.splitlines()[0]
    return found


def main() -> None:
    """Print a table."""
    table = Table(box=None, header_style="", pad_edge=False)
    table.add_column("python -m evaluations...", no_wrap=True)
    table.add_column("what it answers")
    for name, question in questions(Path(__file__).parent).items():
        table.add_row(name, question)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
