"""The notebook runs, and is kept without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.study.studies import place

NOTEBOOK = Path(__file__).parents[2] / "docs" / "study.ipynb"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_notebook_runs(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    source, matrix = place(tmp_path)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert '"phantom-10A", "quick"' in first.source
    first.source = first.source.replace('"phantom-10A"', repr(str(source)))
    first.source = first.source.replace('"quick"', repr(str(matrix)))
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    text = "".join(output.get("text", "") for output in outputs)
    assert "zarr.create_array" in text
