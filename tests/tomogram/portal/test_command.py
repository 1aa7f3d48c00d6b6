from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryoet_bench.cli import main
from tests.tomogram.portal import server, volumes
from tests.tomogram.portal.server import Portal

Run = Callable[..., tuple[int, str, str]]
PAGE = Path(__file__).parents[3] / "docs" / "portal.md"
FILTERED = (
    "--dataset",
    10445,
    "--run",
    "TS_100_3",
    "--spacing",
    10.012,
    "--processing",
    "filtered",
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command as a user does, and return exit code, output and error output."""

    def run_(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["cryoet-bench", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run_


def test_fetch_then_it_is_a_tomogram_like_any_other(online: Portal, run: Run) -> None:
    code, out, err = run("tomogram", "fetch", *FILTERED, "--subset", 32)
    assert code == 0
    name = out.split()[0]
    assert re.fullmatch(r"10445-TS_100_3-10\.01A-filtered-[0-9a-f]{8}", name)
    assert "1 chunk" in err
    code, out, _ = run("tomogram", "list", "--json")
    [row] = [it for it in json.loads(out) if it["name"] == name]
    assert (row["source"], row["shape"]) == ("portal", [32, 32, 32])
    code, out, err = run("tomogram", "fetch", *FILTERED, "--subset", 32, "--json")
    assert json.loads(out)[0]["name"] == name
    assert "in the cache already" in err


def test_an_ambiguous_fetch_exits_2_and_lists_the_candidates(online: Portal, run: Run) -> None:
    code, out, err = run("tomogram", "fetch", "--dataset", 10445, "--run", "TS_100_3")
    assert (code, out) == (2, "")
    assert len(re.findall("portal:10445/TS_100_3/spacing=", err)) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", 10445], "say --dataset and --run"),
        (["--run", "TS_1", "--dataset", -1], "dataset: Input should be greater than 0"),
        (["--list", "nowhere.yaml"], "cannot be read"),
        (["--list", "dozen", "--subset", 3], "leave the other options out"),
        ([*FILTERED, "--region", "1:2"], "is no region"),
        ([*FILTERED, "--subset", 64], "a 64-cube does not fit into 46 x 157 x 157 voxels"),
    ],
)
def test_what_cannot_be_meant_exits_2(
    online: Portal, run: Run, words: list[object], said: str
) -> None:
    code, out, err = run("tomogram", "fetch", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_list_gives_what_can_be_had_and_says_what_cannot(
    online: Portal, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "two.toml"
    path.write_text(
        '[[tomograms]]\ndataset = 10445\nrun = "TS_100_3"\nspacing = 10.012\nsubset = 16\n'
        '[[tomograms]]\ndataset = 10445\nrun = "TS_10_8"\nsubset = 16\n'
    )
    code, out, err = run("tomogram", "fetch", "--list", path)
    assert code == 2
    assert out.startswith("10445-TS_10_8-10.01A-denoised-")
    assert "portal:10445/TS_100_3/spacing=10.012/subset=16: 2 tomograms match" in err


def test_search_prints_a_table_and_json(online: Portal, run: Run) -> None:
    code, out, _ = run("tomogram", "search", "--dataset", 10445, "--run", "TS_100_*")
    assert code == 0
    assert [out.count(it) for it in ("17001", "17002", "17003", "17004")] == [1, 1, 1, 1]
    assert "46x157x157" in out
    code, out, _ = run("tomogram", "search", "--organism", "pombe", "--json")
    assert [it["tomogram"] for it in json.loads(out)] == [101, 102]


def test_connect_tells_which_part_is_not_reachable(
    online: Portal, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("tomogram", "connect")[0] == 0
    monkeypatch.setattr("cryoet_bench.tomogram.portal.patience.Patience.policy", _once)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code, out, _ = run("tomogram", "connect", "--json")
    assert code == 1
    assert [it["fault"] is None for it in json.loads(out)] == [True, False]


def _once(_: object) -> dict[str, object]:
    from tenacity import stop_after_attempt

    return {"stop": stop_after_attempt(1), "reraise": True}


@pytest.fixture
def full_size(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    """What ``python -m tests.tomogram.portal.server`` serves."""
    stored = volumes.challenge()
    for it in stored:
        it.write(tmp_path / "root")
    with server.serving(tmp_path / "root", volumes.tables(stored)) as portal:
        for name, value in portal.environment.items():
            monkeypatch.setenv(name, value)
        yield portal


def test_every_command_of_the_page_works(
    full_size: Portal, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PAGE.read_text("utf-8")
    [listed] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("tomograms.yaml").write_text(listed)
    commands = re.findall(r"^cryoet-bench (.*)$", text, re.MULTILINE)
    assert len(commands) >= 7
    for command in commands:
        code, _, err = run(*shlex.split(command))
        assert code == 0, (command, err)


@pytest.mark.network
def test_the_portal_itself(run: Run, cache: Path) -> None:
    """The same commands, the portal's own addresses: only these differ."""
    assert run("tomogram", "connect")[0] == 0
    code, out, err = run("tomogram", "fetch", *FILTERED, "--json")
    assert code == 0, err
    [row] = json.loads(out)
    assert row["shape"] == [128, 128, 128]
    assert row["provenance"]["region"] == "28:156,256:384,256:384"
    code, _, err = run("tomogram", "fetch", "--list", "dozen")
    assert code == 0, err
