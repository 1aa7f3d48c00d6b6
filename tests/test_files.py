from __future__ import annotations

import multiprocessing
import resource
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind, append, locked, output, outputs, staged, write_text

PAGE = Kind("page", b"<!-- a page of ours -->")
TABLE = Kind("table", b"a table of ours", binary=True)


def test_an_earlier_output_of_the_same_kind_is_replaced_by_any_name(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    output(page, PAGE).write("<!-- a page of ours -->1")
    (tmp_path / "link").symlink_to(page)
    output(tmp_path / "link", PAGE).write("<!-- a page of ours -->2")
    assert page.read_text() == "<!-- a page of ours -->2"
    assert (tmp_path / "link").is_symlink()
    with pytest.raises(InputError, match="no earlier table"):
        output(page, TABLE)


@pytest.mark.parametrize("padding", [0, 4000, 10**6])
def test_the_mark_is_looked_for_at_both_ends(tmp_path: Path, padding: int) -> None:
    filling = b"x" * padding
    for number, content in enumerate((PAGE.mark + filling, filling + PAGE.mark)):
        path = tmp_path / str(number)
        path.write_bytes(content)
        output(path, PAGE).write(PAGE.mark)
        assert path.read_bytes() == PAGE.mark


def test_the_mark_of_a_table_is_in_its_footer_however_many_columns_it_has(tmp_path: Path) -> None:
    names = [f"column {number}" for number in range(500)]
    for mark in ("a table of ours", "somebody else's"):
        schema = pa.schema([(name, pa.int64()) for name in names], metadata={"mark": mark})
        pq.write_table(pa.table([[1]] * len(names), schema=schema), tmp_path / "t.parquet")
        if mark == "a table of ours":
            output(tmp_path / "t.parquet", TABLE)
    with pytest.raises(InputError, match="no earlier table"):
        output(tmp_path / "t.parquet", TABLE)


def test_what_appears_while_the_work_is_done_stays(tmp_path: Path) -> None:
    target = output(tmp_path / "page.html", PAGE)
    (tmp_path / "page.html").write_text("by hand")
    with pytest.raises(InputError, match="no earlier page"):
        target.write("<!-- a page of ours -->")
    assert (tmp_path / "page.html").read_text() == "by hand"


def test_a_path_stays_the_same_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    target = output(Path("page.html"), PAGE, ["source"])
    monkeypatch.chdir("elsewhere")
    target.write(PAGE.mark)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["page.html"]


def test_a_minus_prints_and_two_of_them_are_refused(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    output(Path("-"), PAGE).write("\u00e5\udcff")
    assert capfdbinary.readouterr().out == b"\xc3\xa5\\udcff"
    with pytest.raises(InputError, match="cannot be printed"):
        output(Path("-"), TABLE)
    with pytest.raises(InputError, match="two names"):
        outputs({PAGE: Path("-"), Kind("text", b"text"): Path("-")})


def _write_much(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    with pytest.raises(InputError, match="cannot write"):
        output(path, PAGE).write(PAGE.mark * (1 << 16))


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(PAGE.mark)
    process = multiprocessing.get_context("spawn").Process(target=_write_much, args=[path])
    process.start()
    process.join()
    assert process.exitcode == 0
    assert path.read_bytes() == PAGE.mark
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("p" * 255)
    output(path, PAGE).write(PAGE.mark)
    assert list(tmp_path.iterdir()) == [path]


def test_a_staged_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for number in (1, 2):
        with staged(tmp_path / "folder") as folder:
            folder.mkdir()
            (folder / f"file {number}").write_text("whole")
    with pytest.raises(FileNotFoundError), staged(tmp_path / "folder") as folder:
        (folder / "not made" / "file").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "file 2"]


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    write_text(tmp_path / "lock", "kept")
    with locked(tmp_path / "lock"), pytest.raises(BlockingIOError):  # noqa: SIM117
        with locked(tmp_path / "lock", wait=False):
            pass
    with locked(tmp_path / "lock", wait=False):
        assert (tmp_path / "lock").read_text() == "kept"


def test_a_line_is_added_after_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lines.jsonl"
    whole = append(path, b"one\n", whole=0)
    with path.open("ab") as file:
        file.write(b"tor")  # a run that was killed
    assert append(path, b"two\n", whole=whole) == 8
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_line_that_another_process_added_stays(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    known = append(path, b"one\n", whole=0)
    append(path, b"theirs\n", whole=known)
    assert append(path, b"ours\n", whole=known) == 16
    assert path.read_bytes() == b"one\ntheirs\nours\n"
    path.unlink()
    assert append(path, b"again\n", whole=16) == 6
    assert path.read_bytes() == b"again\n"
