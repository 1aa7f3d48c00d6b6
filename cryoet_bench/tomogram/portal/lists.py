"""Lists of tomograms in small YAML or TOML files, and the one that ships."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.request import Request, request

DOZEN = "dozen"


def load(source: str) -> list[Request]:
    """Return the requests of a list.

    Parameters
    ----------
    source : str
        ``dozen`` for the list that ships, or a YAML or TOML file with the key ``tomograms``: a
        list of the options of a `Request`.

    Raises
    ------
    InputError
        The file cannot be read or is no such list; the message names the entry.
    """
    path = (
        resources.files(__package__) / "tomograms.yaml"
        if source == DOZEN and not Path(source).exists()
        else Path(source)
    )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the list {source} cannot be read: {error}") from error
    entries = _entries(text, source)
    return [
        request(entry, where=f"{source}, tomogram {number}")
        for number, entry in enumerate(entries, 1)
    ]


def _entries(text: str, source: str) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(text) if source.endswith(".toml") else yaml.safe_load(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the list {source} cannot be understood: {reason}") from error
    entries = content.get("tomograms") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(it, dict) for it in entries):
        raise InputError(
            f"the list {source} has no 'tomograms': write one entry each, "
            "as {dataset: 10445, run: TS_100_3, spacing: 10.012, processing: filtered}"
        )
    return entries
