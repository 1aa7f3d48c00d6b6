"""How much of what the suite asks was measured, in words."""

from __future__ import annotations

from dataclasses import dataclass

from cryoet_bench.site.wording import plural


@dataclass(frozen=True)
class Extent:
    """How much of some questions was measured.

    Attributes
    ----------
    cases : int
        That the suite asks.
    measured : int
        Of those, the cases that were measured in any release.
    fewest, most : int
        Releases that one of these was measured in.
    releases : int
        That anything was measured in.
    """

    cases: int
    measured: int
    fewest: int
    most: int
    releases: int

    @property
    def is_whole(self) -> bool:
        """Whether every case was measured in every release."""
        return self.measured == self.cases and self.fewest == self.releases

    @property
    def words(self) -> str:
        """How much it is: ``12 of 81 cases measured``."""
        if not self.measured:
            return "not yet measured"
        part = f"{self.measured:,} of " if self.measured < self.cases else "all " * (self.cases > 1)
        text = f"{part}{plural(self.cases, 'case')} measured"
        if self.fewest == self.releases:
            return text
        each = f"{self.fewest} to " if self.fewest < self.most else ""
        return f"{text}, in {each}{self.most} of {plural(self.releases, 'release')}"
