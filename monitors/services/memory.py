"""The judge's memory: how what the rules remember of a monitor is kept in its State row."""

from datetime import datetime

from monitors.domain import verdict as rules
from monitors.domain.slots import Ms
from monitors.domain.verdict import Status
from monitors.models import State
from monitors.times import from_ms, to_ms


def recall(state: State) -> rules.State:
    def ms(moment: datetime | None) -> Ms | None:
        return None if moment is None else to_ms(moment)

    return rules.State(
        judged_until=to_ms(state.judged_until),
        last_decided=to_ms(state.last_decided),
        verdict=Status(state.verdict),
        streak=state.streak,
        streak_first=ms(state.streak_first),
        undecided=state.undecided,
        undecided_first=ms(state.undecided_first),
        nodata_since=ms(state.nodata_since),
        partial=state.partial,
    )


def remember(state: State, memory: rules.State) -> None:
    def moment(ms: Ms | None) -> datetime | None:
        return None if ms is None else from_ms(ms)

    state.judged_until, state.last_decided = from_ms(memory.judged_until), from_ms(memory.last_decided)
    state.verdict, state.partial = memory.verdict, memory.partial
    state.streak, state.streak_first = memory.streak, moment(memory.streak_first)
    state.undecided, state.undecided_first = memory.undecided, moment(memory.undecided_first)
    state.nodata_since = moment(memory.nodata_since)
