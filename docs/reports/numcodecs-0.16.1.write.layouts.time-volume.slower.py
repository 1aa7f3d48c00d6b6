# /// script
# requires-python = "==3.12.*"
# dependencies = []
# ///
"""Write a volume, by layout (format 3): 3x slower (2.1x to 4.4x in 4 cases) since numcodecs
0.16.1

Run it with:  uv run numcodecs-0.16.1.write.layouts.time-volume.slower.py

It needs uv and nothing else. Two environments are made by version, and each value is taken in
fresh processes of both, in turns: A B B A. It prints both values and their ratio, and exits with 1
when they do not differ as reported. Any requirements after the file's name stand in for those of
the newer side, to see whether it still holds:  uv run numcodecs-0.16.1.write.layouts.time-volume.slower.py zarr==3.4.2 numcodecs==0.17.1
"""

import atexit
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

BEFORE = [
    "crc32c==2.7.1",
    "deprecated==1.2.15",
    "donfig==0.8.1.post1",
    "numcodecs==0.15.1",
    "numpy==1.26.1",
    "packaging==25.0",
    "pyyaml==6.0.2",
    "typing-extensions==4.13.2",
    "wrapt==1.17.2",
    "zarr==3.0.8",
]
AFTER = [
    "crc32c==2.7.1",
    "donfig==0.8.1.post1",
    "numcodecs==0.16.1",
    "numpy==1.26.1",
    "packaging==25.0",
    "pyyaml==6.0.2",
    "typing-extensions==4.13.2",
    "zarr==3.0.8",
]
REPORTED = 4.4204  # the newer value over the older
UNIT = "ms"
BLOCKS = 6

WORK = r"""
import os
import shutil
import tempfile
import time

import numcodecs
import numcodecs.blosc
import numpy as np
import zarr

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
numcodecs.blosc.set_nthreads(1)
numcodecs.blosc.use_threads = False
OLD = zarr.__version__.startswith("2.")
if not OLD:
    zarr.config.set({"async.concurrency": 10, "threading.max_workers": 1})

# Noise, which is what most of a tomogram is, around slow variations of its density.
draw = np.random.default_rng(20231018)
z, y, x = np.meshgrid(*(np.linspace(0, 9, 128, dtype="f4"),) * 3, indexing="ij")
volume = (np.sin(z) + np.sin(2 * y) * np.cos(x) + draw.normal(0, 2, z.shape)).astype("f4")


def create(path):
    common = dict(store=path, shape=volume.shape, chunks=(128, 128, 128), dtype="f4", fill_value=0)
    return zarr.create_array(
        **common,
        shards=None,
        zarr_format=3,
        compressors=[{'name': 'blosc', 'configuration': {'cname': 'zstd', 'clevel': 5, 'shuffle': 'shuffle', 'blocksize': 0, 'typesize': 4}}],
        filters=[],
    )


memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
folder = tempfile.mkdtemp(dir=memory)
path = os.path.join(folder, "volume.zarr")


def prepare():
    shutil.rmtree(path, ignore_errors=True)


def work():
    array = create(path)
    array[...] = volume


seconds = []
while len(seconds) < 3 or (sum(seconds) < 0.3 and len(seconds) < 30):
    prepare()
    start = time.perf_counter()
    work()
    seconds.append(time.perf_counter() - start)
result = min(seconds) * 1000
shutil.rmtree(folder)
print(result)
"""

SETTINGS = {
    # glibc otherwise serves large blocks in one of two ways, several times apart in speed.
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
    "PYTHONHASHSEED": "0",
}


def environment(folder, requirements):
    """Make an environment with these requirements, and return its interpreter."""
    uv = os.environ.get("UV", "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = os.path.join(folder, "Scripts" if os.name == "nt" else "bin", "python")
    install = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, *requirements], check=True)
    return python


def value(python):
    """Return the value in a fresh process of an environment."""
    done = subprocess.run(
        [python, "-c", WORK],
        env={**os.environ, **SETTINGS},
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout)


def name(requirements):
    """Return the packages in question in words."""
    known = [one.replace("==", " ") for one in requirements]
    return ", ".join(one for one in known if one.startswith(("zarr ", "numcodecs ")))


def main():
    after = sys.argv[1:] or AFTER
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pythons = {
        "A": environment(os.path.join(folder, "a"), BEFORE),
        "B": environment(os.path.join(folder, "b"), after),
    }
    older, newer, ratios = [], [], []
    for number in range(BLOCKS):
        print(f"block {number + 1} of {BLOCKS}", file=sys.stderr)
        found = {"A": [], "B": []}
        for side in random.choice(("ABBA", "BAAB")) if BLOCKS > 1 else "AB":
            found[side].append(value(pythons[side]))
        older.append(min(found["A"]))
        newer.append(min(found["B"]))
        ratios.append(newer[-1] / older[-1])
    ratio = math.exp(statistics.fmean(math.log(one) for one in ratios))
    print(f"{name(BEFORE)}: {statistics.median(older):.6g} {UNIT}")
    print(f"{name(after)}: {statistics.median(newer):.6g} {UNIT}")
    print(f"ratio {ratio:.3f} (in {BLOCKS} blocks {min(ratios):.3f} to {max(ratios):.3f})")
    print(f"reported {REPORTED:.3f}")
    halfway = math.log(ratio) / math.log(REPORTED) > 0.5
    sys.exit(0 if halfway else 1)


if __name__ == "__main__":
    main()
