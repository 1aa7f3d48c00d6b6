"""What a machine is and how it is set: facts that explain why two of them differ.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

# What numpy, Blosc, zlib, zstd and LZ4 choose their code by.
_DISPATCHED_ON = frozenset(
    [
        "avx", "avx2", "avx512_vnni", "avx512bw", "avx512f", "avx512vl", "bmi1", "bmi2", "fma",
        "pclmulqdq", "sha_ni", "sse2", "sse4_1", "sse4_2", "ssse3",
        "asimd", "asimdhp", "crc32", "neon", "pmull", "sve", "sve2",
    ]
)  # fmt: skip
_CPUS = Path("/sys/devices/system/cpu")


def facts() -> dict[str, Any]:
    """Return what is known of this machine now; a text is empty where it cannot be read."""
    said = _cpu()
    flags = sorted((said.get("flags") or said.get("Features", "")).split())  # x86 or ARM
    system = platform.uname()
    return {
        "cpu": said.get("model name") or platform.processor() or platform.machine(),
        "cpu_features": [flag for flag in flags if flag in _DISPATCHED_ON],
        "cpu_flags_sha256": hashlib.sha256(" ".join(flags).encode()).hexdigest(),
        "microcode": said.get("microcode", ""),
        "cpus": os.cpu_count(),
        "cpu_quota": text(Path("/sys/fs/cgroup/cpu.max")),
        "governor": text(_CPUS / "cpu0/cpufreq/scaling_governor"),
        "boost": text(_CPUS / "cpufreq/boost"),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "huge_pages": _chosen(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "system": system.system,
        "kernel": system.release,
        "architecture": system.machine,
        "libc": " ".join(platform.libc_ver()).strip(),
        "valgrind": _valgrind_version(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def is_glibc() -> bool:
    """Tell whether the C library here is glibc."""
    return platform.libc_ver()[0] == "glibc"


def text(path: Path) -> str:
    """Return what a file of the system says, or nothing where it is not there or not readable."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _cpu() -> dict[str, str]:
    """Return what Linux says of the first core."""
    first, _, _ = text(Path("/proc/cpuinfo")).partition("\n\n")
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _chosen(path: Path) -> str:
    """Return the choice that the kernel shows in brackets."""
    _, _, rest = text(path).partition("[")
    return rest.partition("]")[0]


def _valgrind_version() -> str:
    """Return the version of the valgrind on the PATH, such as ``3.19.0``."""
    found = shutil.which("valgrind")
    if found is None:
        return ""
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip().removeprefix("valgrind-") if done.returncode == 0 else ""
