"""How many machine instructions an action takes, counted by valgrind's callgrind.

A count stands beside a time and never for it: it hides memory and waiting. It has almost no
noise, so it tells which of two releases does more work when their times cannot. It depends on the
processor, because libraries choose their code by its features, and on valgrind's version: counts
of different machines are not compared.

callgrind counts only while one function is entered that nothing else calls, so what comes before,
such as imports, does not matter and nothing needs to be compiled: that function of Python is the
one of ``@=``. It writes its counts when the function is left, a file a time.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

from cryoet_bench.harness import conditions
from cryoet_bench.storage.installed import UnavailableError

_FUNCTION = "PyNumber_InPlaceMatrixMultiply"
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)$", re.MULTILINE)
_HASH_SEED = 0
_ROOT = Path(__file__).parents[2]


class _Action:
    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def __imatmul__(self, _: object) -> Self:
        self._action()
        return self


def counted(action: Callable[[], object]) -> None:
    """Do something in the calling thread; where `of` has started this process, it is counted."""
    marked = _Action(action)
    marked @= None


def require() -> None:
    """Raise an error unless valgrind is installed.

    Raises
    ------
    UnavailableError
        It is not.
    """
    _valgrind()


def _valgrind() -> str:
    found = shutil.which("valgrind")
    if found is None:
        raise UnavailableError("needs valgrind: install it with the system's package manager")
    return found


def of(variables: dict[str, str], *arguments: str) -> tuple[str, list[int]]:
    """Run this interpreter once under valgrind.

    Hash seed and address layout are fixed, because they change the counts.

    Parameters
    ----------
    variables : dict of str to str
        Environment variables; what the conditions do not allow is left out.
    arguments : str
        Of the interpreter, such as ``-m`` and a module.

    Returns
    -------
    printed : str
        What the program prints.
    counts : list of int
        Instructions of each call of `counted`, in their order.

    Raises
    ------
    UnavailableError
        valgrind is not installed.
    RuntimeError
        The program fails, or cannot run under valgrind here.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "counts")
        command = [
            *conditions.launcher(), _valgrind(), "--tool=callgrind", "--quiet",
            f"--toggle-collect={_FUNCTION}", f"--dump-after={_FUNCTION}",
            # A folder whose name has a % in it would be taken for a pattern.
            "--callgrind-out-file=" + str(target).replace("%", "%%"),
            sys.executable, *arguments,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=_ROOT,
            env=conditions.environment(variables, hash_seed=_HASH_SEED),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(_last_line(done.stderr) or "valgrind ended without a word")
        return done.stdout, _counts(target)


def _counts(target: Path) -> list[int]:
    # counts.1, counts.2 and so on; what is left when the program ends is in counts itself.
    parts = [path for path in target.parent.glob(f"{target.name}.*") if path.suffix[1:].isdigit()]
    texts = [
        path.read_text("utf-8", "replace")
        for path in sorted(parts, key=lambda path: int(path.suffix[1:]))
    ]
    return [int(found[1]) for text in texts if (found := _TOTAL.search(text))]


def _last_line(said: str) -> str:
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
