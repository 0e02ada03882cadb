"""What every probed kind lets people ask of a check that is over: to be quick, or to fail.

The engine applies it to whatever a kind found (`weighed`), so that no kind has to.
"""

from collections.abc import Mapping
from typing import Any

from django import forms

from monitors.domain.verdict import Vote
from monitors.probes.base import MAX_TIMEOUT_MS
from monitors.probes.kinds import Finding
from monitors.probes.options import OptionsForm
from monitors.probes.reasons import Reason

LIMITS = ("degraded_above_ms", "down_above_ms", "upside_down")


class ProbedOptions(OptionsForm):
    """The base of the options of what is asked, and answers in some time."""

    rare = frozenset(LIMITS)

    degraded_above_ms = forms.IntegerField(
        label="Degraded above, in ms",
        min_value=1,
        max_value=MAX_TIMEOUT_MS,
        required=False,
        help_text="A slower answer is up, and shown as degraded; it opens no incident. Empty: no limit.",
    )
    down_above_ms = forms.IntegerField(
        label="Down above, in ms",
        min_value=1,
        max_value=MAX_TIMEOUT_MS,
        required=False,
        help_text="A slower answer counts as down. Empty: only the timeout counts.",
    )
    upside_down = forms.BooleanField(
        label="Upside down",
        required=False,
        initial=False,
        help_text="It is up while the check fails, and down when it succeeds: for what must not be reachable.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        degraded, down = cleaned.get("degraded_above_ms"), cleaned.get("down_above_ms")
        if degraded and down and degraded >= down:
            self.add_error("degraded_above_ms", f"What takes {degraded} ms is down already. Choose less than {down}.")
        if cleaned.get("upside_down"):
            for name in ("degraded_above_ms", "down_above_ms"):
                if cleaned.get(name):
                    self.add_error(name, "An upside-down monitor is to fail, however fast. Clear this, or that.")
        return cleaned


def weighed(options: Mapping[str, Any], finding: Finding, response_ms: float | None) -> Finding:
    """What a finding means under a monitor's options. What we failed to see stays that."""
    if finding.reason and finding.reason.vote is Vote.NODATA:
        return finding
    if finding.reason is None and response_ms is not None:
        finding = _timed(options, finding, response_ms)
    return _turned(finding, response_ms) if options.get("upside_down") is True else finding


def _timed(options: Mapping[str, Any], finding: Finding, response_ms: float) -> Finding:
    down, degraded = _limit(options, "down_above_ms"), _limit(options, "degraded_above_ms")
    if down and response_ms > down:
        return finding._replace(reason=Reason.TOO_SLOW, detail=_slow(response_ms, down, finding.detail), degraded=False)
    if degraded and response_ms > degraded:
        return finding._replace(degraded=True, detail=_slow(response_ms, degraded, finding.detail))
    return finding


def _limit(options: Mapping[str, Any], name: str) -> int:
    limit = options.get(name)
    return limit if isinstance(limit, int) else 0


def _slow(response_ms: float, limit: int, detail: str) -> str:
    return f"Answered in {response_ms:,.0f} ms, expected at most {limit:,} ms" + (f" ({detail})" if detail else "")


def _turned(finding: Finding, response_ms: float | None) -> Finding:
    if finding.reason:
        return finding._replace(reason=None, detail=f"As it should, it fails: {finding.detail or finding.reason.label}")
    took = f" in {response_ms:,.0f} ms" if response_ms is not None else ""
    seen = f" ({finding.detail})" if finding.detail else ""
    detail = f"The check succeeded{took}, and this monitor expects it to fail{seen}"
    return finding._replace(reason=Reason.UPSIDE_DOWN, detail=detail, degraded=False)
