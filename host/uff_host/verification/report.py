"""What a verification found: checks, in a report."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Check:
    """One thing that was looked at: what was found, beside what is right."""

    name: str
    ok: bool
    found: str
    wanted: str


@dataclass
class Report:
    """All checks of one verification."""

    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    def sentence(self) -> str:
        """What to say in one line."""
        failed = [check for check in self.checks if not check.ok]
        if not failed:
            return f"All {len(self.checks)} checks passed."
        names = ", ".join(check.name for check in failed)
        return f"{len(failed)} of {len(self.checks)} checks failed: {names}."

    def add(self, name: str, ok: bool, found: str, wanted: str) -> None:
        self.checks.append(Check(name, bool(ok), found, wanted))

    def equal(self, name: str, found: object, wanted: object) -> None:
        """A check that two things are the same, shown as they are."""
        self.add(name, found == wanted, f"{found}", f"{wanted}")

    def differ(self, name: str, wrong: int, of: int) -> None:
        """A check that none of so many numbers is wrong."""
        self.add(name, wrong == 0, f"{wrong} differ", f"0 of {of}")

    def within(self, name: str, off: float, bound: float) -> None:
        """A check that weights, so many steps off at most, are within a bound."""
        self.add(name, off <= bound, f"{off:.3f} steps off", f"at most {bound:.3f}")
