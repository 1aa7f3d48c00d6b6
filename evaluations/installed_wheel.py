"""What a user gets from the wheel alone: its size on the disk, and how long its commands take.

Builds the wheel, installs it without extras into a new environment outside of the checkout, and
checks a volume of 1 MB with it. Needs an index of packages, and nothing installed but Python.

    python -m evaluations.installed_wheel
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from evaluations import ROOT

MOST = 500
"""MB on the disk, as du counts them (2**20 bytes)."""
VOLUME = """
import warnings, mrcfile, numpy, zarr
from cryoet_bench.tomogram.phantom import PHANTOMS, make
data = make(PHANTOMS["phantom-tiny"]).data
warnings.simplefilter("ignore")
with mrcfile.new("volume.mrc") as file:
    file.set_data(data)
    file.voxel_size = 10.012
zarr.create_array("copy.zarr", data=data, chunks=(32, 32, 32))
"""


def main() -> int:
    """Print the figures; return 1 when the installation is larger than promised."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT, cwd=ROOT)
        venv.create(folder / "environment", with_pip=False, symlinks=os.name != "nt")
        python = folder / "environment" / "bin" / "python"
        (wheel,) = folder.glob("*.whl")
        # Bytecode is written when a module is first imported, so it is measured apart.
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile"]
        run(*pip, wheel, cwd=folder)
        size = megabytes(folder / "environment")
        print(f"installed without extras   {size:6.0f} MB   (at most {MOST})")
        run(python, "-c", VOLUME, cwd=folder)
        command = folder / "environment" / "bin" / "cryoet-bench"
        for title, arguments, codes in [
            ("--help", ["--help"], {0}),
            ("qc, 1 MB", ["qc", "volume.mrc"], {0, 1}),
            ("verify, 1 MB", ["verify", "volume.mrc", "copy.zarr"], {0}),
        ]:
            first, *later = (run(command, *arguments, cwd=folder, codes=codes) for _ in range(4))
            print(f"{title:<26} {min(later):6.2f} s    (the first time {first:.2f} s)")
        run(command, "qc", "volume.mrc", "--html", "qc.html", cwd=folder, codes={0, 1})
        whole = megabytes(folder / "environment")
        print(f"with the bytecode          {whole:6.0f} MB")
    return int(size > MOST)


def run(*command: str | Path, cwd: Path, codes: set[int] | None = None) -> float:
    """Return the seconds that a command took, in an environment of its own.

    Raises
    ------
    SystemExit
        Its exit code is not among those expected; what it printed is shown.
    """
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CRYOET_BENCH", "PYTHON"))
    }
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=own, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode not in (codes or {0}):
        said = done.stdout + done.stderr
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}")
    return seconds


def megabytes(folder: Path) -> float:
    """Return what the files below a folder take on the disk."""
    files = [path for path in folder.rglob("*") if not path.is_symlink()]
    return sum(path.lstat().st_blocks * 512 for path in files) / 2**20


if __name__ == "__main__":
    sys.exit(main())
