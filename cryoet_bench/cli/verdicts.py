"""How verdicts look on a terminal."""

from __future__ import annotations

COLOURS = {"n/a": "dim", "pass": "green", "warn": "yellow", "fail": "red", "error": "red"}
"""By verdict, the mildest first; "error" is what could not be examined."""
