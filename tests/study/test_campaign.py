"""A study from its sources to its ledger: promises, resumption, what is left out."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.harness import turn
from cryoet_bench.study import campaign, ledger, process, trial
from cryoet_bench.study.matrix import read
from cryoet_bench.study.results import results
from cryoet_bench.study.tables import measurements
from tests.study.studies import LIARS, TINY, place

ROOT = Path(__file__).parents[2]


def test_liars_are_disqualified_by_name(tmp_path: Path) -> None:
    source, matrix = place(tmp_path, matrix=LIARS)
    plan = campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")
    entries = campaign.run(plan).entries.values()
    exact = {
        entry.configuration.split(" 24")[0]: entry for entry in entries if entry.kind == "exact"
    }
    assert {name: entry.status for name, entry in exact.items()} == {
        "honest": "passed",
        "bit flipper": "broken",
        "byte swapper": "broken",
        "wrong type": "failed",
        "crash": "failed",
        "bound-0.01": "passed",
        "unbound-0.01": "broken",
    }
    assert exact["bit flipper"].reason.startswith("1 voxel changed")
    assert "13,824 voxels changed" in exact["byte swapper"].reason
    assert "ended with 3" in exact["crash"].reason
    # 100 bounds where 1 is allowed; the last bit of a float32 is allowed as well.
    assert "the worst by 100 times" in exact["unbound-0.01"].reason
    assert 0.85 < exact["bound-0.01"].values["max_error_sd"] / 0.01 < 0.95
    timed = {entry.configuration.split(" 24")[0] for entry in entries if entry.kind == "timed"}
    assert timed == {"honest", "bound-0.01"}, "nobody waits for the times of what is unusable"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study."""
    folder = tmp_path_factory.mktemp("unbroken")
    source, matrix = place(folder)
    plan = campaign.prepare([str(source)], read(str(matrix)), folder / "out")
    campaign.run(plan)
    return folder


def test_everything_is_measured_once(unbroken: Path) -> None:
    found = results(ledger.read(unbroken / "out"))
    assert list(found.summary["configuration"]) == [
        "none 12 v3", "blosc-lz4-5 12 v3", "blosc-zstd-5-byteshuffle-7bits 12 v3",
    ]  # fmt: skip
    rows = found.summary.set_index("configuration")
    # Eight chunks and a document; nothing is compressed.
    assert rows.loc["none 12 v3", "objects"] == 9
    assert rows.loc["none 12 v3", "stored_bytes"] == 24**3 * 4
    # A slice lies in four of the eight chunks.
    assert rows.loc["none 12 v3", "xy_slices_requests"] == 4
    assert rows.loc["none 12 v3", "xy_slices_fetched_bytes"] == 24**3 * 2
    assert rows.loc["none 12 v3", "bit_exact"] == 1
    assert rows["ratio"].is_monotonic_increasing or rows["ratio"].iloc[2] > 2
    table = measurements(found)
    assert not table.duplicated(["tomogram", "configuration", "kind", "round", "measure"]).any()
    assert (table[table["measure"] == "read_s"].groupby("configuration").size() == 2).all()
    assert (table[table["measure"] == "read_s"]["value"] > 0).all()


def test_a_finished_study_measures_nothing_again(unbroken: Path) -> None:
    before = (unbroken / "out" / ledger.NAME).read_bytes()
    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    campaign.run(plan)
    assert (unbroken / "out" / ledger.NAME).read_bytes() == before


def test_a_killed_study_loses_and_doubles_nothing(tmp_path: Path, unbroken: Path) -> None:
    source, matrix = place(tmp_path, matrix=TINY.replace("repeats = 2", "repeats = 1"))
    code = (
        "import pathlib, sys; from cryoet_bench.study import campaign, matrix; "
        "source, name, out = sys.argv[1:]; "
        "plan = campaign.prepare([source], matrix.read(name), pathlib.Path(out)); "
        "campaign.run(plan)"
    )
    command = [sys.executable, "-c", code, str(source), str(matrix), str(tmp_path / "out")]
    path = tmp_path / "out" / ledger.NAME
    started = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    while not path.exists() or path.read_bytes().count(b"\n") < 3:
        assert started.poll() is None
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    with path.open("ab") as file:
        file.write(b'{"kind": "exact", "subj')  # as a write that the kill interrupted
    known = path.read_bytes().count(b"\n")
    subprocess.run(command, cwd=ROOT, check=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert known >= 3
    keys = [(line["kind"], line["configuration"], line["round"]) for line in lines]
    assert len(keys) == len(set(keys)) == 3 + 3
    whole = ledger.read(unbroken / "out").entries
    for key, entry in ledger.read(tmp_path / "out").entries.items():
        if entry.kind == "exact":
            assert entry.repeatable == whole[key].repeatable


def test_a_busy_machine_is_told_at_the_start_and_keeps_what_needs_no_quiet(
    tmp_path: Path, unbroken: Path
) -> None:
    source, matrix = place(tmp_path)
    plan = campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")
    said: list[str] = []
    told_at: list[str] = []

    def progress(what: str, _done: int, _total: int) -> None:
        told_at.append(f"{what}, {len(said)} told")

    with turn.measuring("zarr 3.1.0"):
        with pytest.raises(InputError, match=r"zarr 3\.1\.0 .* rerun to measure times"):
            campaign.run(plan, progress=progress, warn=said.append)
        finished = campaign.prepare(
            [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
        )
        campaign.run(finished, warn=said.append)  # nothing is left to be timed
    assert len(said) == 1
    assert "zarr 3.1.0" in said[0]
    assert set(told_at) == {"Sizes and fidelity, 1 told"}
    assert {entry.kind for entry in ledger.read(plan.folder).entries.values()} == {"exact"}


def test_no_answer_is_taken_for_that_to_another_request(
    tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    requests = [task.request("exact", copy=str(tmp_path / "copy.npy")) for task in plan.tasks()]
    expected = [
        ledger.read(unbroken / "out").entries[task.entry("exact").key].values["stored_bytes"]
        for task in plan.tasks()
    ]

    def interrupted(running: subprocess.Popen[str], request: dict[str, object]) -> str:
        running.stdin.write(json.dumps(request) + "\n")
        running.stdin.flush()
        raise KeyboardInterrupt

    with process.Process() as asked:
        with monkeypatch.context() as patch:
            patch.setattr(process, "_exchange", interrupted)
            with pytest.raises(KeyboardInterrupt):
                asked.ask(requests[0])
        assert asked.ask(requests[1])["values"]["stored_bytes"] == expected[1]
        asked._started.kill()
        asked._started.wait()
        assert asked.ask(requests[2])["values"]["stored_bytes"] == expected[2]


def test_a_process_is_out_of_reach_of_ctrl_c_and_ends_when_told(unbroken: Path) -> None:
    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    task = next(plan.tasks())
    with process.Process() as asked:
        running = asked._running()
        running.send_signal(signal.SIGINT)
        assert asked.ask(task.request("timed", store="local"))["status"] == "passed"
        running.send_signal(signal.SIGINT)
        time.sleep(0.1)
        assert running.poll() is None
    assert running.poll() is not None
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set(), "this process hears of it"


def test_a_process_that_was_told_to_end_has_not_failed(unbroken: Path) -> None:
    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    request = next(plan.tasks()).request("timed", store="local")
    with process.Process() as asked:
        threading.Timer(0.2, asked._running().terminate).start()
        with pytest.raises(InputError, match="told to end: rerun to resume"):
            asked.ask(request)


def test_a_source_that_is_gone_is_not_needed_any_more(unbroken: Path) -> None:
    source, matrix = str(unbroken / "v.npy"), read(str(unbroken / "matrix.toml"))
    whole = campaign.prepare([source], matrix, unbroken / "out")
    hidden = (unbroken / "v.npy").rename(unbroken / "hidden.npy")
    try:
        plan = campaign.prepare([source], matrix, unbroken / "out")
    finally:
        hidden.rename(source)
    assert plan == whole


def test_a_source_that_has_changed_is_named(tmp_path: Path) -> None:
    source, matrix = place(tmp_path)
    plan = campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")
    with ledger.opened(plan.folder, plan.facts()):
        np.save(source, -np.load(source))
    with pytest.raises(InputError, match=r"different voxels of .*v\.npy"):
        campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")


def test_a_box_that_a_worker_does_not_see_is_no_fault_of_a_codec(
    unbroken: Path, tmp_path: Path
) -> None:
    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    request = next(plan.tasks()).request("exact", copy=str(tmp_path / "copy.npy"))
    (tmp_path / "damaged.npy").write_bytes(b"")
    for box in ("absent.npy", "damaged.npy"):
        answer = trial.answer(request | {"volume": str(tmp_path / box)})
        assert answer["status"] == "stopped"
        assert "let every worker see" in answer["reason"]


@pytest.mark.parametrize("line", [b"\0\0\0\n", b'{"kind": "exact"}\n', b"[]\n", b"{}{}\n"])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    with ledger.opened(tmp_path, {"matrix": 1}) as book:
        book.add(ledger.Entry(kind="exact", subject="a", configuration="b"))
    with book.path.open("ab") as file:
        file.write(line)
    with pytest.raises(InputError, match=r"line 3 of .*ledger\.jsonl is no trial"):
        ledger.read(tmp_path)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ledger.opened(tmp_path, {"matrix": 1}) as book:
        book.add(ledger.Entry(kind="exact", subject="a", configuration="b"))
        before = book.path.read_bytes()
        limited = book.path.stat().st_size + 10
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limited, hard))
        try:
            with pytest.raises(InputError, match="what was measured is kept"):
                book.add(ledger.Entry(kind="exact", subject="a", configuration="c"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert book.path.read_bytes() == before


def test_a_full_disk_is_no_fault_of_a_codec(
    unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    request = next(plan.tasks()).request("exact", copy=str(unbroken / "absent" / "copy.npy"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setitem(trial._KINDS, "exact", full)
    assert trial.answer(request)["status"] == "stopped"


def test_another_study_is_not_mixed_in(unbroken: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.toml"
    changed.write_text((unbroken / "matrix.toml").read_text().replace("edge = 24", "edge = 12"))
    before = sorted((unbroken / "out").rglob("*"))
    with pytest.raises(InputError, match="another study \\(different matrix\\)"):
        campaign.prepare([str(unbroken / "v.npy")], read(str(changed)), unbroken / "out")
    assert sorted((unbroken / "out").rglob("*")) == before


def test_a_study_of_other_tomograms_is_refused_before_anything_is_written(
    unbroken: Path, tmp_path: Path
) -> None:
    source, _ = place(tmp_path)
    before = sorted((unbroken / "out").rglob("*"))
    with pytest.raises(InputError, match="another study \\(different tomograms\\)"):
        campaign.prepare([str(source)], read(str(unbroken / "matrix.toml")), unbroken / "out")
    assert sorted((unbroken / "out").rglob("*")) == before


@pytest.mark.parametrize("content", [b"my own notes", b'{"format": "mine"}\n{"a": 1', b"{}\n"])
def test_a_ledger_of_somebody_elses_is_left_alone(tmp_path: Path, content: bytes) -> None:
    source, matrix = place(tmp_path)
    path = tmp_path / "out" / ledger.NAME
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"holds other files \(ledger.jsonl\)"):
        campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")
    with pytest.raises(InputError, match="stays as it is"), ledger.opened(path.parent, {}):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("size", [0, 1, 10, 40])
def test_a_ledger_that_was_killed_in_its_first_line_begins_again(tmp_path: Path, size: int) -> None:
    with ledger.opened(tmp_path, {"matrix": 1}) as book:
        whole = book.path.read_bytes()
    book.path.write_bytes(whole[:size])
    with ledger.opened(tmp_path, {"matrix": 1}) as again:
        assert again.path.read_bytes() == whole


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    source, matrix = place(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"holds other files \(thesis.tex\)"):
        campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_link_to_a_folder_is_a_folder_and_one_to_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("absent")
    campaign.require_folder(tmp_path / "link")
    with pytest.raises(InputError, match="dangling is no folder"):
        campaign.require_folder(tmp_path / "dangling")


def test_what_cannot_be_read_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    source, matrix = place(tmp_path)
    (tmp_path / "bad.mrc").write_text("not a volume")
    plan = campaign.prepare(
        [str(tmp_path / "bad.mrc"), str(source)], read(str(matrix)), tmp_path / "out"
    )
    assert [subject.name for subject in plan.subjects] == ["v.npy"]
    assert list(plan.unreadable) == [str(tmp_path / "bad.mrc")]


@pytest.mark.parametrize("value", [0, 3.5, np.nan])
def test_a_box_of_one_value_is_not_judged(tmp_path: Path, value: float) -> None:
    source, matrix = place(tmp_path)
    np.save(source, np.full((24, 24, 24), value, "f4"))
    with pytest.raises(InputError, match="alone, which says nothing of the volume"):
        campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")


def test_nothing_is_left_of_a_study_of_nothing(tmp_path: Path) -> None:
    _, matrix = place(tmp_path)
    with pytest.raises(InputError, match="absent"):
        campaign.prepare([str(tmp_path / "absent.mrc")], read(str(matrix)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_takes_longest_is_examined_first(
    unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    monkeypatch.setattr(campaign, "examine", lambda task: task.entry("exact"))
    found = campaign.examined(list(plan.tasks()), None)
    assert [entry.configuration.split(" ")[0] for entry in found] == [
        "blosc-zstd-5-byteshuffle-7bits", "none", "blosc-lz4-5",
    ]  # fmt: skip


def test_tomograms_whose_plots_would_share_files_have_names_of_their_own(tmp_path: Path) -> None:
    matrix = read(str(place(tmp_path)[1]))
    sources = [tmp_path / "a_1.npy", tmp_path / "a-1.npy", tmp_path / "b.npy"]
    for source in sources:
        np.save(source, np.random.default_rng(1).standard_normal((24, 24, 24)).astype("f4"))
    plan = campaign.prepare([str(one) for one in sources], matrix, tmp_path / "out")
    names = [subject.name for subject in plan.subjects]
    assert names[2] == "b.npy"
    assert len({subject.stem for subject in plan.subjects}) == 3
    assert [name.partition(" ")[0] for name in names[:2]] == ["a_1.npy", "a-1.npy"]


def test_labels_are_known_from_densities(tmp_path: Path) -> None:
    from cryoet_bench.study.subject import is_labels

    noise = np.random.default_rng(1).integers(0, 255, (20, 20, 20), np.uint8)
    blobs = np.zeros((20, 20, 20), np.uint8)
    blobs[4:12, 4:12, 4:12] = 3
    assert is_labels(blobs)
    assert not is_labels(noise)
    assert not is_labels(blobs.astype("f4"))


def test_workers_of_dask_find_the_same(unbroken: Path) -> None:
    from distributed import LocalCluster

    plan = campaign.prepare(
        [str(unbroken / "v.npy")], read(str(unbroken / "matrix.toml")), unbroken / "out"
    )
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        found = list(campaign.examined(list(plan.tasks()), cluster.scheduler_address))
    known = ledger.read(unbroken / "out").entries
    assert len(found) == 3
    for entry in found:
        assert entry.repeatable == known[entry.key].repeatable
