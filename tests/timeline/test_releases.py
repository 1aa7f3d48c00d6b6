from __future__ import annotations

import itertools
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import releases
from cryoet_bench.timeline.releases import Release, Timeline, moves, parse_pins

REAL = releases.load()
TAGS = [release.tag for release in REAL.releases]


def line(length: int) -> Timeline:
    """Zarr and numcodecs in turn, one a day."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    pins = {"zarr": "1.0", "numcodecs": "0.0"}
    entries = []
    for number in range(length):
        package = ("numcodecs", "zarr")[number % 2]
        pins = pins | {package: f"1.{number}"}
        date = start + timedelta(days=number)
        entries.append(Release(package=package, version=f"1.{number}", date=date, pins=pins))
    return Timeline(tuple(entries))


class TestRealTimeline:
    """The data of the project, read with nothing but tomllib."""

    entries = tomllib.loads(releases.DATA.read_text("utf-8"))["release"]

    def test_spans_the_line(self) -> None:
        assert TAGS[0] == "numcodecs-0.12.1"
        assert self.entries[0]["date"] == datetime(2023, 10, 18, 0, 46, 50, tzinfo=UTC)
        for tag in ("zarr-2.18.7", "zarr-3.0.8", "numcodecs-0.16.1", "zarr-3.4.2"):
            assert tag in TAGS
        assert not {"zarr-3.0.0", "numcodecs-0.16.0"} & set(TAGS)  # withdrawn

    def test_each_entry_moves_one_tracked_package_but_for_named_moves(self) -> None:
        entries = [entry for entry in self.entries if "line" not in entry]
        for before, after in itertools.pairwise(entries):
            old, new = (dict(pin.split("==") for pin in entry["pins"]) for entry in (before, after))
            changed = {name for name in old | new if old.get(name) != new.get(name)}
            assert after["package"] in changed
            named = {
                re.sub(r"^(adds|drops) ", "", move).split()[0] for move in after.get("moved", [])
            }
            assert changed - {after["package"]} == named
            # No second suspect for a step: neither tracked package, nor numpy.
            assert not (changed - {after["package"]}) & {"zarr", "numcodecs", "numpy"}

    def test_forced_moves_stand_just_before_what_forces_them(self) -> None:
        forced = {
            (release.tag, following.tag)
            for release, following in itertools.pairwise(REAL.history())
            if release.prepares
        }
        assert forced == {
            ("numcodecs-0.13.1-for-zarr-2.18.4", "zarr-2.18.4"),
            ("numpy-2.4.3-for-zarr-3.1.6", "zarr-3.1.6"),
        }
        for release, following in itertools.pairwise(REAL.history()):
            assert release.prepares in {None, following.tag}

    def test_maintenance_releases_are_on_lines_of_their_own(self) -> None:
        own = {release.tag: release.line for release in REAL.releases if release.line != "main"}
        assert own == {"numcodecs-0.15.2": "zarr-2", "numcodecs-0.16.6": "numcodecs-0.16"}
        for line in REAL.lines:
            fork, following = REAL.history(line.name)[-2:]
            assert fork.tag == line.fork
            assert moves(fork.pins, following.pins, besides=following.package) == ()

    def test_names_what_was_withdrawn(self) -> None:
        labels = [one.label for one in REAL.withdrawn]
        assert labels == [*(f"zarr 3.0.{patch}" for patch in range(8)), "numcodecs 0.16.0"]
        assert all(one.reason for one in REAL.withdrawn)
        assert not set(labels) & {release.label for release in REAL.releases}

    def test_names_what_upstream_broke(self) -> None:
        assert {release.tag: release.broken for release in REAL.releases if release.broken} == {
            "numcodecs-0.16.4": "ModuleNotFoundError: No module named 'crc32c'"
        }

    def test_pins_are_full(self) -> None:
        for release in REAL.releases:
            assert {"zarr", "numcodecs", "numpy"} <= release.pins.keys()
            needs = {"asciitree"} if release.pins["zarr"].startswith("2.") else {"donfig"}
            assert needs <= release.pins.keys()

    def test_companions_yield_to_the_release(self) -> None:
        for release in REAL.releases:
            beside = parse_pins(REAL.beside(release.tag))
            assert not beside.keys() & release.pins.keys()
            assert "asv-runner" in beside


class TestSelection:
    @pytest.mark.parametrize("spelled", ["zarr-3.1.0", "zarr 3.1.0", "zarr==3.1.0", " Zarr-3.1.0 "])
    def test_spellings(self, spelled: str) -> None:
        assert REAL.find(spelled).label == "zarr 3.1.0"

    @given(
        st.text().filter(
            lambda text: re.sub(r"\s*==\s*|\s+", "-", text.strip().lower(), count=1) not in TAGS
        )
    )
    def test_unknown_release_is_named(self, text: str) -> None:
        with pytest.raises(InputError, match=re.escape(f"no release named {text!r}")):
            REAL.find(text)

    def test_unknown_release_suggests(self) -> None:
        with pytest.raises(InputError, match=r"'zarr-3\.1\.9' .*did you mean .*zarr-3\.1\.[0-6]"):
            REAL.find("zarr-3.1.9")
        with pytest.raises(InputError, match=r"no release named 'scipy' .*timeline list"):
            REAL.find("scipy")


class TestFile:
    def test_what_is_appended_is_read_back(self, tmp_path: Path) -> None:
        path = tmp_path / "timeline.toml"
        for entry in (*REAL.history(), *REAL.lines, *REAL.withdrawn):
            releases.append([entry], path)
        for entry in REAL.releases:
            if entry.line != "main":
                releases.append([entry], path)
        assert releases.load(path) == replace(REAL, companions=())

    def test_old_text_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "timeline.toml"
        path.write_text(releases.DATA.read_text("utf-8"), "utf-8")
        last = REAL.releases[-1]
        pins = {**last.pins, "zarr": "9.0", "odd": "1"}
        new = replace(
            last,
            version="9.0",
            date=last.date + timedelta(days=1),
            pins=pins,
            moved=("adds odd 1",),
        )
        releases.append([new], path)
        assert path.read_text("utf-8").startswith(releases.DATA.read_text("utf-8"))
        assert releases.load(path).releases == (*REAL.releases, new)
        assert list(tmp_path.iterdir()) == [path]

    def test_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot write the release timeline"):
            releases.append(REAL.releases, tmp_path / "absent" / "timeline.toml")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("", "]", "is damaged"),
            ('package = "zarr"', 'package = "dask"', "dask"),
            ('version = "2.17.1"', 'version = "2.17.9"', r"do not hold zarr==2\.17\.9"),
            ("date = 2024-03-06T19:27:15Z", 'date = "spring"', "spring is not a time"),
            ("date = 2024-03-06T19:27:15Z", "date = 2024-03-06T19:27:15", "not a time with a zone"),
            ("date = 2024-03-06T19:27:15Z", "date = 2020-03-06T19:27:15Z", "is not later than"),
            ("date = 2024-03-06T19:27:15Z\n", "", "'date' is missing"),
            ('  "zarr==2.17.1",', '  "zarr>=2.17.1",', "is not a pin"),
            ('  "fasteners==0.19",\n  "numcodecs==0.12.1",', '  "numcodecs==0.12.1",', "differ"),
            ('version = "2.17.1"', 'version = "2.17.1"\nnote = 1', "unknown field 'note'"),
            ("[[release]]", "[[entry]]", "entries"),
            ('prepares = "zarr-3.1.6"', 'prepares = "zarr-3.2.0"', "must stand just before"),
            ('line = "zarr-2"', 'line = "zarr-1"', "there is no line 'zarr-1'"),
            ('fork = "zarr-2.18.7"', 'fork = "zarr-2.18"', "a fork on the main line"),
            ('fork = "zarr-2.18.7"', 'fork = "zarr-2.18.7"\nnote = 1', "a name, and a fork"),
            ('fork = "zarr-2.18.7"', 'fork = "numcodecs-0.14.1"', "differ"),
            ('reason = "Please', 'why = "Please', "package, version and reason"),
            ('since = "zarr-3.1.0"', 'since = "zarr-9"', "no release 'zarr-9'"),
        ],
    )
    def test_damage_is_named(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        path = tmp_path / "timeline.toml"
        text = releases.DATA.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        with pytest.raises(InputError, match=message) as caught:
            releases.load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    @given(cut=st.integers(0, len(releases.DATA.read_bytes()) - 1))
    def test_truncated(self, cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
        path = tmp_path_factory.getbasetemp() / "truncated.toml"
        path.write_bytes(releases.DATA.read_bytes()[:cut])
        try:
            found = releases.load(path).releases
        except InputError:
            return
        assert set(map(repr, found)) <= set(map(repr, REAL.releases))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot read the release timeline"):
            releases.load(tmp_path / "timeline.toml")


PINS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2", "3"]))


@given(before=PINS, after=PINS)
def test_moves_tell_the_whole_difference(before: dict[str, str], after: dict[str, str]) -> None:
    redone = dict(before)
    for move in moves(before, after, besides="nothing"):
        match move.split():
            case ["adds", name, version]:
                assert name not in before
                redone[name] = version
            case ["drops", name, version]:
                assert redone.pop(name) == version
            case [name, old, "to", new]:
                assert redone[name] == old
                redone[name] = new
    assert redone == after
