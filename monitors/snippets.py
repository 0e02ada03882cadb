"""How to ping: the same heartbeat in the words of what people run jobs with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Snippet:
    """`text` is ready to be pasted; `note` says what it does beyond the plain ping."""

    title: str
    text: str
    note: str = ""


def snippets(url: str, name: str) -> list[Snippet]:
    """Ways to ping `url` for the job `name`."""
    slug = "".join(char if char.isalnum() and char.isascii() else "-" for char in name.lower()).strip("-") or "job"
    return [
        Snippet(each.title, each.text.replace("{url}", url).replace("{slug}", slug), each.note) for each in _SNIPPETS
    ]


_SNIPPETS = [
    Snippet(
        "Shell",
        """\
#!/bin/sh
# Tell when it starts, send its output, and say how it ended.
curl -fsS -m 10 --retry 5 -o /dev/null {url}/start
output=$(/path/to/job 2>&1)
curl -fsS -m 10 --retry 5 -o /dev/null --data-raw "$output" {url}/$?
""",
        "The exit code decides: 0 is a success, anything else a failure.",
    ),
    Snippet(
        "Cron",
        "30 2 * * * /path/to/job && curl -fsS -m 10 --retry 5 -o /dev/null {url}\n",
        "Pings only when the job succeeded. Retries bridge a short break in the network.",
    ),
    Snippet(
        "systemd",
        """\
# /etc/systemd/system/{slug}.service
[Service]
Type=oneshot
ExecStartPre=-curl -fsS -m 10 --retry 5 -o /dev/null {url}/start
ExecStart=/path/to/job
ExecStopPost=-curl -fsS -m 10 --retry 5 -o /dev/null {url}/${EXIT_STATUS}
""",
        "ExecStopPost runs whatever happens, and knows how the job ended.",
    ),
    Snippet(
        "Python",
        """\
import urllib.request


def ping(ending="", data=b""):
    try:
        urllib.request.urlopen("{url}" + ending, data=data, timeout=10)
    except OSError as error:
        print("The ping did not arrive:", error)


ping("/start")
try:
    do_the_job()
    ping()
except Exception as error:
    ping("/fail", str(error).encode())
    raise
""",
        "A ping that does not arrive must not stop the job.",
    ),
    Snippet(
        "Node",
        """\
const ping = (ending = "", body) =>
  fetch("{url}" + ending, { method: "POST", body, signal: AbortSignal.timeout(10_000) })
    .catch((error) => console.warn("The ping did not arrive:", error.message));

await ping("/start");
try {
  await doTheJob();
  await ping();
} catch (error) {
  await ping("/fail", String(error));
  throw error;
}
""",
    ),
    Snippet(
        "Ruby",
        """\
require "net/http"

def ping(ending = "", body = "")
  Net::HTTP.post(URI("{url}#{ending}"), body)
rescue StandardError => error
  warn "The ping did not arrive: #{error.message}"
end

ping("/start")
begin
  do_the_job
  ping
rescue StandardError => error
  ping("/fail", error.message)
  raise
end
""",
    ),
    Snippet(
        "PowerShell",
        """\
$url = "{url}"
Invoke-RestMethod "$url/start" -TimeoutSec 10 | Out-Null
C:\\path\\to\\job.exe
Invoke-RestMethod "$url/$LASTEXITCODE" -TimeoutSec 10 | Out-Null
""",
    ),
    Snippet(
        "Kubernetes CronJob",
        """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {slug}
spec:
  schedule: "30 2 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: job
              image: your/image
              command: ["/bin/sh", "-c"]
              args:
                - |
                  wget -qO- {url}/start
                  /path/to/job
                  wget -qO- {url}/$?
""",
    ),
    Snippet(
        "GitHub Actions",
        """\
steps:
  - run: curl -fsS -m 10 --retry 5 -o /dev/null {url}/start
  - run: ./job
  - if: success()
    run: curl -fsS -m 10 --retry 5 -o /dev/null {url}
  - if: failure() || cancelled()
    run: curl -fsS -m 10 --retry 5 -o /dev/null {url}/fail
""",
        "Keep the address in a secret where others can read the workflow.",
    ),
]
