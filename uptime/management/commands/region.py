"""Regions from the command line: add, list, remove."""

import json
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from django.core.validators import validate_slug

from monitors.models import Region
from monitors.services.regions import RegionInUseError
from uptime import actions


class Command(BaseCommand):
    help = "Add, list or remove the regions that checks run from."

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="Make a region and print the command that starts its worker.")
        add.add_argument("slug", help="REGION_ID of its workers, such as eu-west")
        add.add_argument("--name", help="What people call it, such as 'EU West'")
        add.add_argument("--remote", action="store_true", help="Its worker runs on another machine.")
        show = verbs.add_parser("show", help="Print the command that starts a worker of a region again.")
        show.add_argument("slug")
        listing = verbs.add_parser("list", help="List the regions.")
        listing.add_argument("--json", action="store_true")
        remove = verbs.add_parser("remove", help="Remove a region that no monitor depends on.")
        remove.add_argument("slug")

    def handle(self, *args, verb, **options):
        getattr(self, verb)(**options)

    def add(self, slug, name, remote, **options):
        try:
            validate_slug(slug)
        except ValidationError:
            raise CommandError(f"{slug!r} cannot be a region: use letters, digits, - and _") from None
        if len(slug) > 32:
            raise CommandError("A region's slug has at most 32 characters.")
        if Region.objects.filter(slug=slug).exists():
            raise CommandError(f"There is a region {slug} already; `region show {slug}` prints its command.")
        if remote and self._embedded():
            raise CommandError(
                "The embedded broker listens on this machine only. A remote region needs a broker reachable by TCP, "
                "with a password and TLS: set BROKER_URL (see docs/regions.md), start again, then add the region."
            )
        self._print(actions.add_region(slug, name or slug, same_machine=False), remote)

    def show(self, slug, **options):
        self._print(self._get(slug), remote=not self._embedded())

    def list(self, **options):
        rows = list(Region.objects.values("slug", "name", "enabled", "same_machine"))
        if options["json"]:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            notes = ["this machine"] * row["same_machine"] + ["disabled"] * (not row["enabled"])
            self.stdout.write(f"{row['slug']:20} {row['name']:30} {', '.join(notes)}")

    def remove(self, slug, **options):
        try:
            actions.remove_region(self._get(slug))
        except RegionInUseError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{slug} is removed.")

    def _get(self, slug) -> Region:
        region = Region.objects.filter(slug=slug).first()
        if region is None:
            raise CommandError(f"There is no region {slug}; `region list` shows which there are.")
        return region

    def _embedded(self) -> bool:
        return urlsplit(settings.BROKER_URL).scheme == "redis+socket"

    def _print(self, region: Region, remote: bool) -> None:
        out = self.stdout.write
        out(f"Region {region.slug} is there. Start its worker with this command; it needs no database:\n")
        out(f"  REGION_ID={region.slug} REGION_KEY={region.key} \\")
        out(f"  BROKER_URL='{settings.BROKER_URL}' \\")
        if settings.QUEUE_PREFIX:
            out(f"  QUEUE_PREFIX={settings.QUEUE_PREFIX} \\")
        queue = f"{settings.QUEUE_PREFIX}checks.{region.slug}"
        out(f"  .venv/bin/celery -A uptime.region worker -P threads -c 8 -Q {queue} \\")
        out("    --without-gossip --without-mingle --without-heartbeat\n")
        if remote:
            self._print_permissions(region)
        elif self._embedded():
            out("The embedded broker is reachable from this machine only: run the command here.")
            out("For a worker elsewhere set BROKER_URL to a broker it can reach by TCP; see docs/regions.md.")

    def _print_permissions(self, region: Region) -> None:
        prefix = settings.QUEUE_PREFIX
        own = f"{prefix}checks.{region.slug}"
        out = self.stdout.write
        if settings.BROKER_URL.startswith("amqp"):
            out("The least a RabbitMQ user of this worker needs:")
            out(f"  rabbitmqctl add_user probe-{region.slug} PASSWORD")
            pattern = f"^({own}|amq\\.default)$"
            out(f"  rabbitmqctl set_permissions probe-{region.slug} '^{own}$' '{pattern}|^{prefix}results$' '^{own}$'")
            return
        unacked = f"{prefix}unacked*.region.{region.slug}"
        out("The least a Redis user of this worker needs (one line of an ACL file):")
        out(
            f"  user probe-{region.slug} on >PASSWORD resetchannels -@all +ping +hello +auth +client|setname +client|id"
            " +client|setinfo +select +multi +exec +watch +unwatch +evalsha +script|load +brpop +rpop +lpush +rpush"
            " +llen +get +set +del +hset +hget +hdel +zadd +zrem +zrange +zrevrangebyscore +sadd +smembers"
            f" ~{own} ~{own}\\x06\\x16* ~{unacked} ~_kombu.binding.*"
            f" (+llen +lpush ~{prefix}results*)"
        )
