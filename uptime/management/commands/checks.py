"""What can be checked, as Markdown: the content of docs/checks.md."""

from django.core.management import BaseCommand

from monitors.reference import checks_page


class Command(BaseCommand):
    help = "Print docs/checks.md: every type of check with its settings, written from the types themselves."

    def handle(self, *args, **options):
        self.stdout.write(checks_page(), ending="")
