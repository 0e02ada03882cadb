"""Beat's scheduler: django-celery-beat's, that goes on when our clock was set back, and asks less often for changes."""

import time

from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

LOOK_EVERY_S = 5.0  # for entries that have changed, as they do with a new version


class Scheduler(DatabaseScheduler):
    _heap: list | None
    _look_at = 0.0  # of time.monotonic()

    def schedule_changed(self) -> bool:
        """To ask before every entry, ten times a second, would be half of what beat does."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_EVERY_S
        return bool(super().schedule_changed())

    def tick(self, *args, **kwargs) -> float:
        """An entry that last ran at a time that has not come would otherwise be silent until it has."""
        now = timezone.now()
        waiting = [event.entry for event in self._heap or ()]
        for entry in (*(self._schedule or {}).values(), *waiting):
            if entry.last_run_at > now:
                entry.last_run_at = now
                self._heap = None  # made anew: its times are those of the clock that was wrong
        return super().tick(*args, **kwargs)
