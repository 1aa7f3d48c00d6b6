"""The locks that all checkouts and users of a machine share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cryoet_bench import variables
from cryoet_bench.errors import InputError
from cryoet_bench.harness import turn

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def locks(tmp_path, monkeypatch):
    folder = tmp_path / "locks"
    folder.mkdir()
    monkeypatch.setenv(variables.LOCKS, str(folder))
    return folder


def started(code):
    """Start a process that prints a line when it has what it wants, and then waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    return process, process.stdout.readline().strip()


MEASURE = (
    "from cryoet_bench.harness import turn\n"
    "with turn.measuring('zarr 3.1.0'): print('now', flush=True); input()"
)
CORE = "from cryoet_bench.harness import turn\nprint(turn.core(), flush=True); input()"


def test_one_process_measures_at_a_time_and_is_named():
    process, said = started(MEASURE)
    with process:
        assert said == "now"
        with pytest.raises(InputError) as caught, turn.measuring("zarr 3.2.0"):
            pass
        process.communicate("\n")
    message = str(caught.value)
    for word in ("zarr 3.1.0", f"process {process.pid}", str(ROOT), sys.executable):
        assert word in message
    assert "\n" not in message
    with turn.measuring("zarr 3.2.0"):
        pass


def test_a_killed_process_gives_its_turn_back(locks):
    process, _ = started(MEASURE)
    with process:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert "zarr 3.1.0" in (locks / "cryoet-bench.measuring.lock").read_text()
    with turn.measuring("zarr 3.2.0"):
        pass


def test_the_block_gives_the_turn_back_when_it_fails():
    with pytest.raises(ZeroDivisionError), turn.measuring("zarr 3.1.0"):
        raise ZeroDivisionError
    with turn.measuring("zarr 3.1.0"):
        pass


def test_all_users_can_take_a_lock_whatever_the_umask(locks):
    before = os.umask(0o077)
    try:
        with turn.measuring("zarr 3.1.0"):
            pass
    finally:
        os.umask(before)
    assert (locks / "cryoet-bench.measuring.lock").stat().st_mode & 0o777 == 0o666


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "folder", "pipe", "large"])
def test_what_is_no_lock_is_refused_and_left_alone(locks, tmp_path, kind):
    precious, lock = tmp_path / "precious", locks / "cryoet-bench.measuring.lock"
    precious.write_text("data")
    match kind:
        case "link":
            lock.symlink_to(precious)
        case "dangling link":
            lock.symlink_to(tmp_path / "missing")
        case "hard link":
            lock.hardlink_to(precious)
        case "folder":
            lock.mkdir()
        case "pipe":
            os.mkfifo(lock)
        case "large":
            lock.write_text("data" * 2000)
    with pytest.raises(InputError, match="remove it"), turn.measuring("zarr 3.1.0"):
        pass
    assert precious.read_text() == "data"
    assert not (tmp_path / "missing").exists()
    assert kind != "large" or lock.stat().st_size == 8000


def test_a_lock_that_is_removed_meanwhile_is_made_anew(locks):
    with turn.measuring("zarr 3.1.0"):
        (locks / "cryoet-bench.measuring.lock").unlink()
    with turn.measuring("zarr 3.1.0"):
        assert (locks / "cryoet-bench.measuring.lock").exists()


def test_what_a_holder_wrote_is_shown_in_one_line_only(locks):
    process, _ = started(MEASURE)
    with process:
        lock = locks / "cryoet-bench.measuring.lock"
        for wrong in ("", "[]", '{"pid": 1}', "\x1b[31m", "x" * 4000):
            lock.write_text(wrong)
            with pytest.raises(InputError) as caught, turn.measuring("zarr 3.2.0"):
                pass
            assert str(lock) in str(caught.value)
        process.communicate("\n")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_processes_get_cores_of_their_own_from_the_last():
    cores = sorted(os.sched_getaffinity(0), reverse=True)
    first, core = started(CORE)
    second, other = started(CORE)
    with first, second:
        assert [core, other] == [str(number) for number in cores[:2]]
        first.communicate("\n")
        third, again = started(CORE)
        with third:
            assert again == core
            third.communicate("\n")
        second.communicate("\n")


def test_when_all_cores_are_taken_the_last_is_shared(locks):
    number = max(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{number}}})\n{CORE}"  # which then is the only one
    first, core = started(code)
    second, other = started(code)
    with first, second:
        assert core == other == str(number)
        first.communicate("\n")
        second.communicate("\n")


def test_servers_run_on_the_other_cores():
    everything = os.sched_getaffinity(0)
    code = (
        "import os, subprocess, sys\n"
        "from cryoet_bench.harness import turn\n"
        "os.sched_setaffinity(0, {turn.core()} if SETTLED else os.sched_getaffinity(0))\n"
        "before = os.sched_getaffinity(0)\n"
        "show = [sys.executable, '-c', 'import os; print(*os.sched_getaffinity(0))']\n"
        "with turn.off_the_core(): print(turn.core(), subprocess.check_output(show, text=True))\n"
        "assert os.sched_getaffinity(0) == before"
    )
    for settled in ("True", "False"):
        run = [sys.executable, "-c", code.replace("SETTLED", settled)]
        said = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        core, *others = map(int, said.split())
        assert set(others) == (everything - {core} or {core})
