"""Which machine this is: the same name with another processor is another machine.

A virtual machine's processor may go by a name that several share: one "AMD EPYC" without AVX-512
took 1.5 to 2.4 times as long as another with it. So what libraries choose their code by counts too.

Standard library and asv alone: asv's own interpreter imports this.
"""

from __future__ import annotations

import re
from typing import Any

from asv import util
from asv.machine import Machine, MachineCollection

from cryoet_bench.errors import InputError
from cryoet_bench.harness import machine as conditions
from cryoet_bench.record.record import Record

_OF_ASV = ("os", "arch", "cpu", "num_cpu", "ram")
"""What asv knows of a machine, too; the processor has the name that visits state."""
_UNUSABLE = (OSError, ValueError, TypeError, AttributeError, util.UserError)


def facts() -> dict[str, Any]:
    """Return what identifies this machine, in words that an update does not change.

    The kernel's version and the last megabytes of memory are left out: they change by themselves.
    The processor has the name that visits state: asv has none on ARM, and another one on macOS.
    """
    here = conditions.facts()
    found: dict[str, Any] = {**Machine.get_defaults(), "cpu": here["cpu"]}
    found["os"] = found["os"].split()[0]
    if found["ram"].isdigit():
        found["ram"] = f"{round(int(found['ram']) / 2**30)} GiB"
    named = {key: found[key] for key in _OF_ASV}
    return {**named, "cpu_features": here["cpu_features"]}


def identify(record: Record, name: str | None = None) -> str:
    """Return the name of this machine in the record, and describe it there the first time.

    A machine of the same name with another processor, memory or system gets a number after it, so
    that its results are kept apart.

    Parameters
    ----------
    record : Record
        Where machines are described.
    name : str, optional
        What it is called, in place of what asv knows or the host's name.
    """
    found = name_in(record, name)
    if not record.machine(found):
        record.describe_machine(found, facts())
    return found


def name_in(record: Record, name: str | None = None) -> str:
    """Return the name that this machine has in the record, or will have once it measures."""
    wanted = name or asv_name()
    present = facts()
    for candidate in (wanted, *(f"{wanted}-{number}" for number in range(2, 100))):
        known = record.machine(candidate)
        if not known or all(known.get(key) == present[key] for key in present):
            return candidate
    raise InputError(
        f"there are a hundred machines named {wanted} in the record: give this one another name "
        "with 'asv machine --machine NAME'"
    )


def asv_name() -> str:
    """Return what asv calls this machine, as a name that can be a folder's.

    As asv has it: the host's name where asv knows that, else the one name given to it with
    ``asv machine``.
    """
    host = _folder_name(str(Machine.get_unique_machine_name()))
    path = MachineCollection.get_machine_file_path()
    try:
        known = {_folder_name(name) for name in util.load_json(path, MachineCollection.api_version)}
    except _UNUSABLE:  # no file yet, or a damaged one, which `introduce` names
        return host
    # What `identify` numbered is the machine of that name with another processor.
    given = [
        name
        for name in known
        if not any(re.fullmatch(f"{re.escape(one)}-[0-9]+", name) for one in known)
    ]
    return given[0] if len(given) == 1 and host not in known else host


def _folder_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "machine"


def introduce(name: str) -> None:
    """Describe this machine to asv under its name in the record, so that asv never stops to ask.

    Raises
    ------
    InputError
        asv's file of machines cannot be read or written.
    """
    path = MachineCollection.get_machine_file_path()
    present = facts()
    wanted = {"machine": name, **{key: present[key] for key in _OF_ASV}}
    try:
        try:
            known = MachineCollection.load(name)
        except util.UserError:
            known = None
        if known != wanted:
            MachineCollection.save(name, wanted)
    except _UNUSABLE as error:
        raise InputError(
            f"asv's description of machines in {path} cannot be used ({error}): remove that file, "
            "or make its folder writable"
        ) from error
