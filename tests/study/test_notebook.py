"""The notebook runs, and is kept without outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.study.studies import place

NOTEBOOK = Path(__file__).parents[2] / "docs" / "study.ipynb"


def test_the_notebook_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell.get("outputs") for cell in cells)
    assert '"phantom-10A", "quick"' in code[0]
    source, matrix = place(tmp_path)
    code[0] = code[0].replace('"phantom-10A"', repr(str(source)))
    code[0] = code[0].replace('"quick"', repr(str(matrix)))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for cell in code:  # in this process: a kernel takes ten seconds to start
        exec(cell, names)
    assert "zarr.create_array" in capsys.readouterr().out
