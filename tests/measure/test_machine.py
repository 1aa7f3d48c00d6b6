"""What identifies a machine is what its visits state of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from asv import util
from asv.machine import Machine

from cryoet_bench.harness import machine as conditions
from cryoet_bench.measure.machine import facts

ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd crc32 asimdhp sve
CPU implementer\t: 0x41
CPU part\t: 0xd40

processor\t: 1
"""
INTEL = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu sse2 avx2

processor\t: 1
"""


def stated() -> tuple[object, ...]:
    """Return what `cryoet-bench record check` compares of a visit with its machine."""
    here = conditions.facts()
    return here["system"], here["architecture"], here["cpu"], str(here["cpus"])


@pytest.mark.parametrize("known", [ARM, INTEL])
def test_a_machine_is_the_one_that_its_visits_state(
    known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the processor was asv's, which has no name for one of ARM."""
    monkeypatch.setattr(conditions, "text", lambda _: known)
    monkeypatch.setattr(util, "get_cpu_info", lambda: "")
    found = facts()
    assert (found["os"], found["arch"], found["cpu"], found["num_cpu"]) == stated()
    assert found["cpu"]
    assert found["cpu_features"] == conditions.facts()["cpu_features"] != []


@pytest.mark.skipif(
    sys.platform != "linux" or "model name" not in Path("/proc/cpuinfo").read_text("utf-8"),
    reason="asv has no name for this processor",
)
def test_a_machine_that_asv_can_name_keeps_its_identity() -> None:
    assert facts()["cpu"] == Machine.get_defaults()["cpu"]
