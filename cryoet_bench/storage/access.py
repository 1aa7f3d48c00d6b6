"""Named access patterns: which voxels a user asks for. One entry of `PATTERNS` adds one."""

from __future__ import annotations

from collections.abc import Callable

from cryoet_bench.storage.layouts import Shape

Selection = tuple[slice | int, ...]
Pattern = Callable[[Shape], list[Selection]]

_ALL = slice(None)


def _whole(shape: Shape) -> list[Selection]:
    del shape
    return [(_ALL, _ALL, _ALL)]


def _plane(axis: int) -> Pattern:
    def middle(shape: Shape) -> list[Selection]:
        selection: list[slice | int] = [_ALL, _ALL, _ALL]
        selection[axis] = shape[axis] // 2
        return [tuple(selection)]

    return middle


PATTERNS: dict[str, Pattern] = {
    "whole": _whole,
    "slice-xy": _plane(0),
    "slice-xz": _plane(1),
    "slice-yz": _plane(2),
}
