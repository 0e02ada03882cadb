"""docs/checks.md, written from the kinds themselves: `manage.py checks` prints it, a test compares."""

from monitors.forms import usual_first
from monitors.probes.kinds import monitor_kinds
from monitors.probes.reasons import Reason
from monitors.wire import wire_name

INTRO = """# What can be checked

Written by `manage.py checks` from the check types themselves; what a page or the API asks for is described here in the
same words.

Whatever the type: every check has one deadline over everything, name look-up included, and waits without holding up
any other. A failure other than a timeout is tried once more after a second, with a fresh connection. The region itself
looks a name up, every address it leads to must be a public one, and only those very addresses are connected to.
[Private networks](configuration.md) are watched where the operator allows it. What the region failed to do is "no
data", never down. How a website is asked, with authentication, certificates and proxies, has [a page](requests.md);
so have jobs that report in, which are [not checked](heartbeats.md).

Ports: websites, WebSockets and gRPC services are watched on any port that a browser would go to too. The other types
also look at the usual ports of mail, databases, directories and remote access, but send nothing of yours there: a
monitor open to the public must not become a port scanner, or send mail.

Pings need a right that many machines give to nobody at first. A region that may not send them says so: on its machine
run `sysctl -w net.ipv4.ping_group_range='0 2147483647'`, or give the worker the capability `NET_RAW`.
"""
EMPTY = '""'
ROW = "| {} | `{}` | {} | {} |"


def checks_page():
    """The page as Markdown."""
    kinds = sorted(monitor_kinds(), key=usual_first)
    return "\n".join([INTRO, *map(_kind, kinds), _reasons()])


def _kind(kind):
    fields = kind.Options.base_fields.items()
    rows = [ROW.format(field.label, wire_name(kind, name), _default(field), _help(field)) for name, field in fields]
    where = (
        f" {kind.target_label}, as in `{kind.target_example}`: {_names(kind)} of the API." if kind.target_label else ""
    )
    return "\n".join(
        [f"## {kind.label}\n", f"`{kind.name}`. {kind.description}{where}\n"]
        + (["| Setting | API | Default | Meaning |", "|---|---|---|---|", *rows, ""] if rows else [])
    )


def _names(kind):
    target = f"`{wire_name(kind, 'target')}`"
    return f"{target} and `port`" if kind.has_port else target


def _default(field):
    value = field.initial
    if isinstance(value, bool):
        return "yes" if value else "no"
    return dict(getattr(field, "choices", ())).get(value, value) if value not in {None, ""} else "–"


def _help(field):
    """The sentence beside the field, and what there is to choose from, in the API's words and the page's."""
    choices = getattr(field, "choices", ())
    titles = [title if title == value else f"`{value or EMPTY}` ({title})" for value, title in choices]
    offered = f"One of: {', '.join(titles)}." if titles else ""
    return " ".join(filter(None, [str(field.help_text), offered])).replace("|", r"\|")


def _reasons():
    rows = [f"| `{each.value}` | {each.label} | {each.vote} | {each.explanation} |" for each in Reason]
    return "\n".join(
        ["## Why a check is not up\n", "| API | On the page | Counts as | Meaning |", "|---|---|---|---|", *rows, ""]
    )
