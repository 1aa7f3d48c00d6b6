"""The processes that trials run in: a fresh one for times, one that stays for exact values."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, Self

from cryoet_bench.errors import InputError
from cryoet_bench.harness import conditions
from cryoet_bench.study import trial

Answer = dict[str, Any]


@contextlib.contextmanager
def sheltered() -> Iterator[None]:
    """Start processes in this block that ctrl-C does not reach: it is for who has started them.

    A terminal sends it to every process of a command. Threads that are started in the block shelter
    what they start, too.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, request: Mapping[str, Any]) -> Answer:
        """Return the answer to a request; a process that dies of it has failed, and is replaced.

        Raises
        ------
        InputError
            The process was told to end, or could not go on for want of something.
        """
        process = self._running()
        try:
            line = _exchange(process, request)
        except BaseException:
            # An answer that nobody has waited for would pass for that to the next request.
            self._stop()
            raise
        if line:
            answer: Answer = json.loads(line)
            if answer["status"] == "stopped":
                raise InputError(f"{answer['reason']}, then rerun to resume")
            return answer
        code = process.wait()
        self._stop()
        if code in {trial.TOLD_TO_END, -signal.SIGTERM}:
            raise InputError("a measured process was told to end: rerun to resume")
        self._errors.seek(0)
        printed = self._errors.read().strip().splitlines()
        last = printed[-1] if printed else "nothing was printed"
        return {"status": "failed", "reason": f"the process ended with {code}: {last}"}

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._stop()
        self._errors.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._started is not None and self._started.poll() is not None:
            self._stop()  # it ended after its last answer, which no request is to blame for
        if self._started is None:
            pipe = subprocess.PIPE
            with sheltered():
                self._started = subprocess.Popen(
                    self._command,
                    env=self._environment,
                    stdin=pipe,
                    stdout=pipe,
                    stderr=self._errors,
                    text=True,
                )
        return self._started

    def _stop(self) -> None:
        process, self._started = self._started, None
        if process is not None:
            process.terminate()
            process.communicate()  # closes the pipes and waits


def _exchange(process: subprocess.Popen[str], request: Mapping[str, Any]) -> str:
    """Return the line that a process answers a request with; nothing where it dies of it."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return process.stdout.readline()
    except BrokenPipeError:
        return ""


def ask_once(
    request: Mapping[str, Any], python: str | None = None, *, hash_seed: int = 0
) -> Answer:
    """Return the answer of a fresh process."""
    with Process(python, hash_seed=hash_seed) as process:
        return process.ask(request)
