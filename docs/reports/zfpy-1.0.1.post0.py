# /// script
# requires-python = ">=3.10"
# dependencies = []
# ///
"""With zfpy 1.0.1.post0 installed, `import numcodecs` fails, and so does `import zarr`.

Run it with:  uv run zfpy-1.0.1.post0.py

It needs uv and nothing else. It imports numcodecs beside both builds of zfpy in environments made
by version, and exits with 1 when that works with both. A version of numcodecs after the file's name
is tried instead:  uv run zfpy-1.0.1.post0.py 0.17.1
"""

import os
import subprocess
import sys

BEFORE, AFTER = "zfpy==1.0.1", "zfpy==1.0.1.post0"


def imports(numcodecs, zfpy):
    """Return the last line of what an import of numcodecs beside this zfpy says."""
    command = [os.environ.get("UV", "uv"), "run", "--quiet", "--no-project", "--isolated"]
    command += ["--python", "3.12", "--with", f"numcodecs=={numcodecs}", "--with", zfpy]
    program = "import numcodecs; print('it imports')"
    command += ["python", "-c", program]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    return (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]


def main():
    """Print what both say."""
    numcodecs = sys.argv[1] if len(sys.argv) > 1 else "0.17.1"
    said = {zfpy: imports(numcodecs, zfpy) for zfpy in (BEFORE, AFTER)}
    for zfpy, what in said.items():
        print(f"numcodecs {numcodecs} with {zfpy}: {what}")
    sys.exit(0 if said[BEFORE] != said[AFTER] else 1)


if __name__ == "__main__":
    main()
