"""What is told of the pipeline: parts, each with figures and with problems that name the way out."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """A problem keeps sites from being watched as they should be; a warning will, or might."""

    WARNING = "warning"
    PROBLEM = "problem"


class Unit(StrEnum):
    COUNT = "count"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    BYTES = "bytes"
    MOMENT = "moment"
    TEXT = "text"
    YES = "yes"  # 1 or 0


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a part, or None where it is not known; with a `metric` it is exported under that name."""

    label: str
    value: float | datetime | str | None
    unit: Unit = Unit.COUNT
    full: float | None = None  # what it may grow to, where there is such a limit
    metric: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    severity: Severity
    sentence: str
    hint: str  # the way out
    see: str  # a heading of docs/troubleshooting.md


@dataclass(slots=True)
class Part:
    """A part of the pipeline as it stands."""

    key: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    known: bool = True

    @property
    def state(self) -> str:
        severities = {problem.severity for problem in self.problems}
        for severity in (Severity.PROBLEM, Severity.WARNING):
            if severity in severities:
                return severity.value
        return "well" if self.known else "unknown"

    def show(self, label: str, value: float | datetime | str | None, unit: Unit = Unit.COUNT, **more) -> None:
        self.figures.append(Figure(label, value, unit, **more))

    def warn(self, sentence: str, hint: str, see: str) -> None:
        self.problems.append(Problem(Severity.WARNING, sentence, hint, see))

    def fail(self, sentence: str, hint: str, see: str) -> None:
        self.problems.append(Problem(Severity.PROBLEM, sentence, hint, see))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment."""

    at: datetime
    parts: list[Part]

    @property
    def state(self) -> str:
        states = [part.state for part in self.parts]
        return next((state for state in ("problem", "warning") if state in states), "well")

    def problems(self, severity: Severity) -> list[tuple[Part, Problem]]:
        return [(part, each) for part in self.parts for each in part.problems if each.severity == severity]
