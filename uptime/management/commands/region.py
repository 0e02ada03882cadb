"""Regions from the command line: add, list, remove."""

import json
from shlex import quote
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from kombu import Connection

from monitors.models import Region
from monitors.services.regions import RegionInUseError, validate_slug
from uptime import actions, queues
from uptime.lib.addresses import parse


class Command(BaseCommand):
    help = "Add, change, list or remove the regions that checks run from."

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="Make a region and print the command that starts its worker.")
        add.add_argument("slug", help="REGION_ID of its workers, such as eu-west")
        add.add_argument("--name", help="What people call it, such as 'EU West'")
        add.add_argument("--remote", action="store_true", help="Its worker runs on another machine.")
        add.add_argument("--addresses", help="Where its checks come from as targets see it, such as 203.0.113.7")
        edit = verbs.add_parser("edit", help="Change what a region is called, and where its checks come from.")
        edit.add_argument("slug")
        edit.add_argument("--name")
        edit.add_argument("--addresses", help="With commas between; '' forgets them.")
        show = verbs.add_parser("show", help="Print the command that starts a worker of a region again.")
        show.add_argument("slug")
        listing = verbs.add_parser("list", help="List the regions.")
        listing.add_argument("--json", action="store_true")
        remove = verbs.add_parser("remove", help="Remove a region that no monitor depends on.")
        remove.add_argument("slug")

    def handle(self, *args, verb, **options):
        getattr(self, verb)(**options)

    def add(self, slug, name, remote, addresses, **options):
        known = _addresses(addresses or "")
        try:
            validate_slug(slug)
        except ValidationError as error:
            raise CommandError(f"{slug!r} cannot be a region: {' '.join(error.messages)}") from None
        if Region.objects.filter(slug=slug).exists():
            raise CommandError(f"There is a region {slug} already; `region show {slug}` prints its command.")
        if remote and self._embedded():
            raise CommandError(
                "The embedded broker listens on this machine only. A remote region needs a broker reachable by TCP, "
                "with a password and TLS: set BROKER_URL (see docs/regions.md), start again, then add the region."
            )
        self._print(actions.add_region(slug, name or slug, False, known), remote)

    def edit(self, slug, name, addresses, **options):
        region = self._get(slug)
        known = region.public_addresses if addresses is None else _addresses(addresses)
        actions.edit_region(region, name or region.name, known)
        self.stdout.write(f"{slug} is called {region.name}; its checks come from {', '.join(known) or 'its workers'}.")

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
        broker = _as_user(settings.BROKER_URL, user(region.slug)) if remote else settings.BROKER_URL
        out(f"Region {region.slug} is there. Start its worker with this command; it needs no database:\n")
        out(f"  REGION_ID={region.slug} REGION_KEY={region.key} \\")
        out(f"  BROKER_URL={quote(broker)} \\")
        if settings.QUEUE_PREFIX:
            out(f"  QUEUE_PREFIX={settings.QUEUE_PREFIX} \\")
        queue = queues.checks(region.slug, settings.QUEUE_PREFIX)
        out(f"  .venv/bin/celery -A uptime.region worker -P threads -c 8 -Q {queue} \\")
        out("    --without-gossip --without-mingle --without-heartbeat\n")
        if remote:
            self._print_privileges(region.slug)
        elif self._embedded():
            out("The embedded broker is reachable from this machine only: run the command here.")
            out("For a worker elsewhere set BROKER_URL to a broker it can reach by TCP; see docs/regions.md.")

    def _print_privileges(self, slug: str) -> None:
        if queues.speaks_amqp(settings.BROKER_URL):
            title, lines = "two commands for RabbitMQ", rabbitmq_commands(slug)
        else:
            title, lines = "a line of the ACL file of Redis or Valkey", [redis_acl(slug)]
        self.stdout.write(f"The user of this worker, with the least it needs ({title}); choose the PASSWORD:\n")
        for line in lines:
            self.stdout.write(f"  {line}")


def _addresses(text: str) -> list[str]:
    try:
        return parse(text)
    except ValueError as error:
        raise CommandError(str(error)) from None


def user(slug: str) -> str:
    """Who the workers of a region are at the broker."""
    return f"probe-{slug}"


def redis_acl(slug: str) -> str:
    """The worker takes from its own queue and gives back what it could not begin; into `results` it only pushes.

    The keys `_kombu.binding…` are where kombu writes down that the queue exists.
    """
    own, results = queues.checks(slug, settings.QUEUE_PREFIX), queues.name(queues.RESULTS, settings.QUEUE_PREFIX)
    commands = "+ping +select +client|setname +multi +exec +llen +brpop +lpush +sadd"
    keys = f"~{own} ~_kombu.binding.{own} ~_kombu.binding_permanent.{own}"
    return f"user {user(slug)} on >PASSWORD resetchannels -@all {commands} {keys} (+lpush ~{results})"


def rabbitmq_commands(slug: str) -> list[str]:
    """The worker declares and reads its own queue and exchange; into the exchange `results` it only writes."""
    own, results = queues.checks(slug, settings.QUEUE_PREFIX), queues.name(queues.RESULTS, settings.QUEUE_PREFIX)
    configure, write, read = (
        quote("^" + pattern.replace(".", r"\.") + "$") for pattern in (own, f"({own}|{results})", own)
    )
    host = quote(Connection(settings.BROKER_URL).virtual_host or "/")
    return [
        f"rabbitmqctl add_user {user(slug)} PASSWORD",
        f"rabbitmqctl set_permissions -p {host} {user(slug)} {configure} {write} {read}",
    ]


def _as_user(broker_url: str, name: str) -> str:
    """The address of the broker for somebody else: nobody is handed the site's own password."""
    parts = urlsplit(broker_url)
    return parts._replace(netloc=f"{name}:PASSWORD@{parts.netloc.rpartition('@')[2]}").geturl()
