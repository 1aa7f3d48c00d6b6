"""Figures as tables and sentences print them."""

from __future__ import annotations

import math

from cryoet_bench.study.cost import Amount


def number(value: float | None) -> str:
    """Return a number with three digits that count; nothing for what is not known."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{float(f'{value:.3g}'):,g}"


def dollars(amount: float) -> str:
    """Return an amount of money with three digits that count."""
    if amount >= 1000:
        return f"${float(f'{amount:.3g}'):,.0f}"
    return f"${amount:.3g}" if amount >= 100 or amount == 0 else f"${amount:.2f}"


def yearly(amount: Amount) -> str:
    """Return an amount of money with how far it may be off."""
    off = f" ± {100 * amount.share:.0f} %" if amount.share else ""
    return f"{dollars(amount.value)}{off}"


def span(amount: Amount, unit: float) -> str:
    """Return the two ends of an amount, in units of its own."""
    return f"{number(amount.low / unit)} to {number(amount.high / unit)}"


def lengths(shape: tuple[int, ...]) -> str:
    """Return a shape as it is spoken, such as ``128 x 256 x 256``."""
    return " x ".join(map(str, shape))


def measure(name: str) -> str:
    """Return the name of a measure in words."""
    words = {"stored_bytes": "size", "whole_objects": "files"}
    return words.get(name, name.removesuffix("_s").replace("_", " "))
