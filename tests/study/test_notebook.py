"""The notebook runs, and is kept without outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.study.studies import place

NOTEBOOK = Path(__file__).parents[2] / "docs" / "study.ipynb"


def test_the_notebook_runs(tmp_path: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell.get("outputs") for cell in cells)
    assert '"phantom-10A", "quick"' in code[0]
    source, matrix = place(tmp_path)
    code[0] = code[0].replace('"phantom-10A"', repr(str(source)))
    code[0] = code[0].replace('"quick"', repr(str(matrix)))
    done = subprocess.run(  # without a kernel, which takes ten seconds to start
        [sys.executable, "-c", "\n".join(code)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "zarr.create_array" in done.stdout
