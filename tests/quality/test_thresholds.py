from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.quality.thresholds import LIMITS, read_limits


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.toml", '["tilt range"]\nwarn = 55.0\nfail = 45\n'),
     ("mark.toml", '\ufeff["tilt range"]\nwarn = 55.0\nfail = 45\n'),
     ("a.json", '{"tilt range": {"warn": 55, "fail": 45.0}}')],
)  # fmt: skip
def test_own_limits_replace_ours_and_say_so(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    limits = read_limits(tmp_path / name)
    assert limits["tilt range"].verdict(52) == "warn"
    assert LIMITS["tilt range"].verdict(52) == "pass"
    assert "your limit" in str(limits["tilt range"])
    assert limits["spacing"] is LIMITS["spacing"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tilt]\nwarn = 1", "no limit"),
        ('["tilt range"]\nwran = 1', "wrong at"),
        ('["tilt range"]\nwarn = "a"', "wrong at"),
        ('["tilt range"]\nfail = 60', "give both"),
        ("tilt range", "no TOML"),
        ('"tilt range" = 1', "stands above its warn"),
        ('["tilt range"]\nwarn = nan', "limit nan"),
    ],
)
def test_wrong_limits_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_limits(path)
