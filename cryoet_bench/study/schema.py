"""A study's TOML files, checked by a schema: what is wrong in one is reported in a sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from cryoet_bench.errors import InputError

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
"""How the parts of such a file are checked: there are no other keys, no NaN and no infinity."""

_WORDS = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such key",
    "unexpected_keyword_argument": "there is no such key",
}
"""What pydantic says in the words of Python."""


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return what a TOML file holds.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    what : str
        What it is, such as "the matrix".

    Raises
    ------
    InputError
        It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{what} {path} is no TOML: {error}") from error


def checked[Model: BaseModel](model: type[Model], content: dict[str, Any], what: str) -> Model:
    """Return the content of a file as its schema has it.

    Parameters
    ----------
    model : type
        The schema.
    content : dict
        As `read_toml` returned it.
    what : str
        The file, for the message.

    Raises
    ------
    InputError
        It does not keep to the schema.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        words = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise InputError(f"{what}: {place}: {words}") from None
