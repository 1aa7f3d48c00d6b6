"""Pages, rendered from templates into the folder of the site."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.changes.finding import Finding
from cryoet_bench.site.wording import FILTERS, describe, page_of, plural, unbroken

if TYPE_CHECKING:
    import jinja2

_TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Writes pages, with the facts that all of them share.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.
    facts : mapping
        By the names that templates give them.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        self.facts = {"has": self._has, "size_of": self._size_of, **facts}

    def write(self, path: str, template: str = "", **content: Any) -> None:
        """Write a page, from the template of its name unless another is given."""
        found = _environment().get_template(f"{template or path}.j2")
        root = "../" * path.count("/")
        text = found.render(**self.facts, root=root, path=path, **content)
        (self.folder / path).write_text(unbroken(text), "utf-8")

    def _has(self, path: str) -> bool:
        """Tell whether a file is there already: a picture is drawn only of what was measured."""
        return (self.folder / path).exists()

    def _size_of(self, path: str) -> int:
        """Return the bytes of a file."""
        return (self.folder / path).stat().st_size


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415  (asv alone does without these pages)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(FILTERS, together=together)
    environment.globals.update(describe=describe, plural=plural, page_of=page_of)
    return environment


def together(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return findings by group: those of a trade-off are consecutive."""
    return [list(own) for _, own in itertools.groupby(findings, key=lambda one: one.group)]
