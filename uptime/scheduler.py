"""Beat's scheduler: django-celery-beat's, that goes on when our clock was set back."""

from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler


class Scheduler(DatabaseScheduler):
    """An entry that last ran at a time that has not come would otherwise be silent until it has."""

    _heap: list | None

    def tick(self, *args, **kwargs) -> float:
        now = timezone.now()
        waiting = [event.entry for event in self._heap or ()]
        for entry in (*(self._schedule or {}).values(), *waiting):
            if entry.last_run_at > now:
                entry.last_run_at = now
                self._heap = None  # made anew: its times are those of the clock that was wrong
        return super().tick(*args, **kwargs)
