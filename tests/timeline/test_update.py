from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import releases
from cryoet_bench.timeline.environment import UnreachableError
from cryoet_bench.timeline.resolver import Resolver
from cryoet_bench.timeline.update import BEGINNING, update
from tests.package_index import CODE, Index, serve

DAY = timedelta(days=1)
START = BEGINNING
# Half a second in: the index's clock is finer than what uv writes down.
HALF = timedelta(milliseconds=500)


@pytest.fixture
def index(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Index]:
    """The first entry of a timeline: numpy 1, numcodecs 0.12 and zarr 2.0."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for variable in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(variable, raising=False)
    with serve() as index:
        index.upload("numpy", "1.0", START - 9 * DAY)
        index.upload("zarr", "2.0", START - 5 * DAY, ["numcodecs", "numpy"])
        index.upload("numcodecs", "0.12", START + HALF, ["numpy"])
        yield index


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "timeline.toml"


def tags(path: Path) -> list[str]:
    return [release.tag for release in releases.load(path).releases]


class TestUpdate:
    def test_the_beginning(self, uv: Resolver, path: Path) -> None:
        (first,) = update(path, uv).appended
        assert first.tag == "numcodecs-0.12"
        assert first.date == START
        assert first.pins == {"numcodecs": "0.12", "numpy": "1.0", "zarr": "2.0"}
        assert first.broken is None

    def test_new_releases_in_order_one_entry_each(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs", "numpy"])
        index.upload("zarr", "2.2", START + 3 * DAY, ["numcodecs", "numpy"])
        index.upload("numcodecs", "0.13", START + 2 * DAY, ["numpy"])
        said: list[str] = []
        update(path, uv, said.append)
        assert tags(path) == ["numcodecs-0.12", "zarr-2.1", "numcodecs-0.13", "zarr-2.2"]
        assert "Trying zarr 2.1" in said
        assert releases.load(path).find("zarr-2.1").pins["numcodecs"] == "0.12"

    def test_a_second_time_changes_nothing(self, index: Index, uv: Resolver, path: Path) -> None:
        index.upload("zarr", "2.1", START + DAY + HALF, ["numcodecs", "numpy"])
        update(path, uv)
        before = path.read_bytes()
        again = update(path, uv)
        assert (again.appended, again.opened, again.withdrawn, again.left_out) == ([], [], [], {})
        assert path.read_bytes() == before

    def test_old_entries_are_never_edited(self, index: Index, uv: Resolver, path: Path) -> None:
        update(path, uv)
        before = path.read_text()
        index.upload("zarr", "2.1", START + DAY, ["numcodecs", "numpy"])
        index.withdraw("numcodecs", "0.12")
        index.upload("numcodecs", "0.11", START - DAY, ["numpy"])
        update(path, uv)
        assert path.read_text().startswith(before)
        assert tags(path) == ["numcodecs-0.12", "zarr-2.1"]

    def test_withdrawn_releases_are_listed_and_not_measured(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs", "numpy"])
        index.upload("zarr", "2.2", START + 2 * DAY, ["numcodecs", "numpy"])
        for version in ("2.1.1", "2.1.2", "2.1.3"):
            index.upload("zarr", version, START + 1 * DAY, ["numcodecs", "numpy"])
            index.withdraw("zarr", version, "it (sadly) deletes data")
        index.withdraw("zarr", "2.1")
        found = update(path, uv)
        assert tags(path) == ["numcodecs-0.12", "zarr-2.2"]
        assert [(one.label, one.reason) for one in releases.load(path).withdrawn] == [
            ("zarr 2.1", "no reason given"),
            ("zarr 2.1.1", "it (sadly) deletes data"),
            ("zarr 2.1.2", "it (sadly) deletes data"),
            ("zarr 2.1.3", "it (sadly) deletes data"),
        ]
        assert len(found.withdrawn) == 4
        assert not update(path, uv).withdrawn

    def test_a_release_withdrawn_later_keeps_its_entry(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs", "numpy"])
        update(path, uv)
        before = path.read_text()
        index.withdraw("zarr", "2.1", "too slow")
        (found,) = update(path, uv).withdrawn
        assert (found.label, found.reason) == ("zarr 2.1", "too slow")
        assert path.read_text().startswith(before)
        assert tags(path) == ["numcodecs-0.12", "zarr-2.1"]

    def test_pre_releases_are_no_releases(self, index: Index, uv: Resolver, path: Path) -> None:
        index.upload("zarr", "2.1rc1", START + 1 * DAY, ["numcodecs", "numpy"])
        index.upload("zarr", "2.1.dev1", START + 1 * DAY, ["numcodecs", "numpy"])
        index.upload("numcodecs", "0.13a1", START + 2 * DAY, ["numpy"])
        found = update(path, uv)
        assert tags(path) == ["numcodecs-0.12"]
        assert found.versions == {"zarr": ["2.0"], "numcodecs": ["0.12"]}
        assert not found.withdrawn

    @pytest.fixture
    def maintained(self, index: Index) -> None:
        """Zarr 2 needs numcodecs before 0.14, of which 0.13.1 comes when 0.15 is out."""
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs<0.14", "numpy"])
        index.upload("numcodecs", "0.13", START + 2 * DAY, ["numpy"])
        index.upload("zarr", "3.0", START + 3 * DAY, ["numcodecs>=0.13", "numpy"])
        index.upload("numcodecs", "0.14", START + 4 * DAY, ["numpy"])
        index.upload("numcodecs", "0.15", START + 5 * DAY, ["numpy"])
        index.upload("numcodecs", "0.13.1", START + 6 * DAY, ["numpy"])
        index.upload("zarr", "3.1", START + 7 * DAY, ["numcodecs>=0.13", "numpy"])

    MAIN = (
        "numcodecs-0.12", "zarr-2.1", "numcodecs-0.13", "zarr-3.0", "numcodecs-0.14",
        "numcodecs-0.15", "zarr-3.1",
    )  # fmt: skip

    def test_maintenance_releases_stand_on_a_line_of_their_own(
        self, maintained: None, uv: Resolver, path: Path
    ) -> None:
        found = update(path, uv)
        timeline = releases.load(path)
        assert [release.tag for release in timeline.history()] == [*self.MAIN]
        assert [(line.name, line.fork) for line in found.opened] == [("zarr-2", "numcodecs-0.13")]
        assert [release.tag for release in timeline.history("zarr-2")] == [
            *self.MAIN[:3], "numcodecs-0.13.1",
        ]  # fmt: skip
        entry = timeline.find("numcodecs-0.13.1")
        assert (entry.date, entry.moved) == (START + 6 * DAY, ())
        assert entry.pins == {"numcodecs": "0.13.1", "numpy": "1.0", "zarr": "2.1"}
        assert sum(map(len, found.versions.values())) == 9

    def test_a_maintenance_release_found_later(
        self, index: Index, maintained: None, uv: Resolver, path: Path
    ) -> None:
        late = index.pages["numcodecs"].pop()
        update(path, uv)
        before = path.read_text()
        index.pages["numcodecs"].append(late)
        (entry,) = update(path, uv).appended
        assert (entry.tag, entry.line) == ("numcodecs-0.13.1", "zarr-2")
        assert path.read_text().startswith(before)
        assert not update(path, uv).appended

    def test_a_line_is_continued(
        self, index: Index, maintained: None, uv: Resolver, path: Path
    ) -> None:
        index.upload("zarr", "2.1.1", START + 8 * DAY, ["numcodecs<0.14", "numpy"])
        index.upload("numcodecs", "0.13.2", START + 9 * DAY, ["numpy"])
        update(path, uv)
        timeline = releases.load(path)
        assert [line.name for line in timeline.lines] == ["zarr-2"]
        assert [release.tag for release in timeline.history("zarr-2")[3:]] == [
            "numcodecs-0.13.1", "zarr-2.1.1", "numcodecs-0.13.2",
        ]  # fmt: skip
        assert timeline.releases[-1].pins["zarr"] == "2.1.1"

    def test_a_line_is_named_after_its_series(
        self, index: Index, maintained: None, uv: Resolver, path: Path
    ) -> None:
        index.upload("numcodecs", "0.14.1", START + 8 * DAY, ["numpy"])
        index.upload("zarr", "3.0.1", START + 9 * DAY, ["numcodecs>=0.13", "numpy"])
        index.upload("numcodecs", "0.14.2", START + 10 * DAY, ["numpy"])
        found = update(path, uv)
        assert {(line.name, line.fork) for line in found.opened} == {
            ("zarr-2", "numcodecs-0.13"), ("numcodecs-0.14", "numcodecs-0.14"),
            ("zarr-3.0", "numcodecs-0.15"),
        }  # fmt: skip
        assert releases.load(path).find("numcodecs-0.14.2").line == "numcodecs-0.14"

    def test_releases_that_cannot_be_combined_are_left_out(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs<0.13", "numpy"])
        index.upload("numcodecs", "0.13", START + 2 * DAY, ["numpy"])
        found = update(path, uv)
        assert tags(path) == ["numcodecs-0.12", "zarr-2.1"]
        assert found.left_out == {
            "numcodecs 0.13": "it cannot be installed with zarr 2.1, the newest of its day"
        }

    def test_other_pins_stay_until_forced(self, index: Index, uv: Resolver, path: Path) -> None:
        index.upload("numpy", "1.5", START + 1 * DAY)
        index.upload("zarr", "2.1", START + 2 * DAY, ["numcodecs", "numpy"])
        index.upload("typing", "4", START + 3 * DAY)
        index.upload("zarr", "2.2", START + 4 * DAY, ["numcodecs", "numpy", "typing"])
        update(path, uv)
        newest = releases.load(path).releases[-1]
        assert newest.pins["numpy"] == "1.0"
        assert newest.moved == ("adds typing 4",)

    def test_forced_moves_get_an_entry_of_their_own(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        index.upload("numcodecs", "0.14", START + 1 * DAY, ["numpy"])
        index.upload("numpy", "2.0", START + 2 * DAY)
        index.upload("zarr", "2.1", START + 3 * DAY, ["numcodecs<0.14", "numpy>=2"])
        update(path, uv)
        assert tags(path) == [
            "numcodecs-0.12", "numcodecs-0.14", "numcodecs-0.12-for-zarr-2.1",
            "numpy-2.0-for-zarr-2.1", "zarr-2.1",
        ]  # fmt: skip
        assert all(release.moved == () for release in releases.load(path).releases)

    def test_forced_moves_that_cannot_stand_alone_are_named(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs==0.12", "numpy==1.0"])
        index.upload("numpy", "2.0", START + 2 * DAY)
        index.upload("numcodecs", "0.13", START + 3 * DAY, ["numpy>=2"])
        index.upload("zarr", "2.2", START + 4 * DAY, ["numcodecs>=0.13", "numpy"])
        update(path, uv)
        assert tags(path) == ["numcodecs-0.12", "zarr-2.1", "zarr-2.2"]
        assert releases.load(path).releases[-1].moved == (
            "numcodecs 0.12 to 0.13",
            "numpy 1.0 to 2.0",
        )

    def test_a_release_that_upstream_broke_is_recorded(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        broken = "import crc32c\n" + CODE["numcodecs"]
        index.upload("numcodecs", "0.13", START + 1 * DAY, ["numpy"], code=broken)
        index.upload("numcodecs", "0.14", START + 2 * DAY, ["numpy"])
        update(path, uv)
        assert [release.broken for release in releases.load(path).releases] == [
            None, "ModuleNotFoundError: No module named 'crc32c'", None,
        ]  # fmt: skip

    def test_a_release_that_reads_wrongly_is_broken(
        self, index: Index, uv: Resolver, path: Path
    ) -> None:
        lossy = CODE["numcodecs"].replace("data.tobytes()", "b'other'")
        index.upload("numcodecs", "0.13", START + 1 * DAY, ["numpy"], code=lossy)
        update(path, uv)
        assert releases.load(path).releases[-1].broken == "AssertionError"


class TestFaults:
    def test_no_network(self, uv: Resolver, path: Path) -> None:
        nowhere = Resolver(uv.uv, uv.python, ("-i", "http://127.0.0.1:9/simple"))
        with pytest.raises(UnreachableError, match="check the network"):
            update(path, nowhere)
        assert not path.exists()

    def test_what_is_cached_is_not_the_index(
        self, uv: Resolver, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        update(path, uv)
        monkeypatch.setenv("UV_OFFLINE", "1")
        with pytest.raises(UnreachableError, match="told to stay offline"):
            update(path, uv)

    def test_network_lost_on_the_way(self, index: Index, uv: Resolver, path: Path) -> None:
        update(path, uv)
        before = path.read_bytes()
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs", "numpy"])

        def cut(doing: str) -> None:
            if doing == "Trying zarr 2.1":
                index.files.clear()

        with pytest.raises(InputError):
            update(path, uv, cut)
        assert path.read_bytes() == before

    def test_index_without_upload_times(self, index: Index, uv: Resolver, path: Path) -> None:
        index.tells_times = False
        index.upload("zarr", "2.1", START + 1 * DAY, ["numcodecs", "numpy"])
        with pytest.raises(InputError, match="does not tell when files were uploaded"):
            update(path, uv)

    def test_damaged_timeline(self, uv: Resolver, path: Path) -> None:
        path.write_text("[[release]]\n")
        with pytest.raises(InputError, match="is damaged"):
            update(path, uv)
