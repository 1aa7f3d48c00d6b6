"""The processes that trials run in: a fresh one for times, one that stays for exact values."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, Self

from cryoet_bench.errors import InputError
from cryoet_bench.harness import conditions
from cryoet_bench.study import trial

Answer = dict[str, Any]


class Process:
    """A measured process under the conditions of the record.

    Parameters
    ----------
    python : str, optional
        Interpreter of the environment that has the codecs; this one's where left out.
    hash_seed : int
        Shared by the processes that are compared.
    """

    def __init__(self, python: str | None = None, *, hash_seed: int = 0) -> None:
        self._command = [*conditions.launcher(), python or sys.executable, "-m", trial.__name__]
        self._environment = conditions.environment(os.environ, hash_seed=hash_seed)
        self._started: subprocess.Popen[str] | None = None
        # A pipe would fill up with warnings.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, request: Mapping[str, Any]) -> Answer:
        """Return the answer to a request; a process that dies of it has failed, and is replaced.

        Raises
        ------
        InputError
            The process could not go on for want of space, which is no answer.
        """
        if self._started is None:
            pipe = subprocess.PIPE
            self._started = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=pipe,
                stdout=pipe,
                stderr=self._errors,
                text=True,
            )
        process = self._started
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            answer: Answer = json.loads(line)
            if answer["status"] == "stopped":
                raise InputError(f"{answer['reason']}: free some space, then rerun to resume")
            return answer
        code = process.wait()
        self._started = None
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        self._errors.seek(0)
        printed = self._errors.read().strip().splitlines()
        last = printed[-1] if printed else "nothing was printed"
        return {"status": "failed", "reason": f"the process ended with {code}: {last}"}

    def end(self) -> None:
        """End the process."""
        if self._started is not None:
            self._started.communicate()
            self._started = None
        self._errors.close()


def ask_once(
    request: Mapping[str, Any], python: str | None = None, *, hash_seed: int = 0
) -> Answer:
    """Return the answer of a fresh process."""
    with Process(python, hash_seed=hash_seed) as process:
        return process.ask(request)
