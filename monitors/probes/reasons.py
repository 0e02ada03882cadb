"""Why a check did not end UP."""

from enum import StrEnum
from typing import Self

from monitors.domain.verdict import Vote

DOWN, NODATA = Vote.DOWN, Vote.NODATA


class Reason(StrEnum):
    """Why a check did not end UP, from a closed list; each implies its vote.

    DOWN is something the target did, NODATA something we failed to do. `label` goes on a badge, `explanation` is
    one sentence for the person who asks."""

    vote: Vote
    label: str
    explanation: str

    def __new__(cls, value: str, vote: Vote, label: str, explanation: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.vote, member.label, member.explanation = vote, label, explanation
        return member

    # The connection
    REFUSED = "refused", DOWN, "Connection refused", "The server is there, but nothing listens on this port."
    RESET = "reset", DOWN, "Connection reset", "The server broke the connection off."
    CLOSED = "closed", DOWN, "Connection closed", "The server hung up before its answer was complete."
    UNREACHABLE = "unreachable", DOWN, "Unreachable", "The network reports that the server cannot be reached."

    # Timeouts, by what was waited for
    TIMEOUT_DNS = "timeout_dns", DOWN, "DNS timeout", "The name servers did not answer in time."
    TIMEOUT_CONNECT = "timeout_connect", DOWN, "Connect timeout", "The server accepted no connection in time."
    TIMEOUT_TLS = "timeout_tls", DOWN, "TLS timeout", "The server did not finish the TLS handshake in time."
    TIMEOUT_FIRST_BYTE = (
        "timeout_first_byte",
        DOWN,
        "No answer in time",
        "The server took the request and did not begin to answer in time.",
    )
    TIMEOUT_TRANSFER = (
        "timeout_transfer",
        DOWN,
        "Answer too slow",
        "The server began to answer and did not finish in time.",
    )

    # TLS
    TLS_UNTRUSTED = (
        "tls_untrusted",
        DOWN,
        "Certificate not trusted",
        "The certificate is self-signed, or its chain is incomplete or of an unknown authority.",
    )
    TLS_EXPIRED = "tls_expired", DOWN, "Certificate expired", "A certificate is outside its period of validity."
    TLS_NAME_MISMATCH = (
        "tls_name_mismatch",
        DOWN,
        "Certificate for another name",
        "The certificate does not cover the name that was asked for.",
    )
    TLS_EXPIRING = (
        "tls_expiring",
        DOWN,
        "Certificate expires soon",
        "A certificate is closer to its end than the monitor allows.",
    )
    TLS_ERROR = "tls_error", DOWN, "TLS failure", "The TLS handshake failed."

    # The answer
    STATUS = "status", DOWN, "Unexpected status", "The server answered with a status that is not expected."
    KEYWORD_MISSING = "keyword_missing", DOWN, "Keyword missing", "The answer does not contain the keyword."
    KEYWORD_PRESENT = "keyword_present", DOWN, "Keyword found", "The answer contains the unwanted keyword."
    ASSERTION = "assertion", DOWN, "Assertion failed", "The answer is not what the monitor asserts."
    TOO_SLOW = "too_slow", DOWN, "Too slow", "The answer was right, and took longer than the monitor allows."
    UPSIDE_DOWN = (
        "upside_down",
        DOWN,
        "Answers",
        "The target answers, and this upside-down monitor expects that it does not.",
    )
    NO_TOKEN = (
        "no_token",
        DOWN,
        "No access token",
        "The token endpoint gave no access token, so the target could not be asked.",
    )
    PROXY = "proxy", DOWN, "Proxy failed", "The proxy of this monitor did not lead to the target."
    TOO_MANY_REDIRECTS = "too_many_redirects", DOWN, "Too many redirects", "The redirects come to no end."
    BAD_REDIRECT = "bad_redirect", DOWN, "Bad redirect", "The server redirects to no usable address."
    BLOCKED_REDIRECT = (
        "blocked_redirect",
        DOWN,
        "Redirect to a private address",
        "The server redirects into a private network, where checks do not follow.",
    )
    RATE_LIMITED = (
        "rate_limited",
        DOWN,
        "Rate limited",
        "The server says it is asked too often: choose a longer interval or exempt our checks.",
    )
    BLOCKED = (
        "blocked",
        DOWN,
        "Blocked by a firewall",
        "A web application firewall challenges our checks: allow them by User-Agent or address.",
    )
    PROTOCOL_ERROR = "protocol_error", DOWN, "Invalid answer", "The answer breaks the rules of the protocol."
    BODY_TOO_LARGE = (
        "body_too_large",
        DOWN,
        "Page too large",
        "What was to be found is not in the first megabyte, and no more of a page is read.",
    )
    HEADER_TOO_LARGE = (
        "header_too_large",
        DOWN,
        "Headers too large",
        "The headers of the answer are larger than 64 kB.",
    )

    # Names
    DNS_NOT_FOUND = "dns_not_found", DOWN, "Name not found", "The name does not exist or has no such record."
    DNS_FAILED = "dns_failed", DOWN, "DNS failure", "The name servers of this name give no proper answer."

    DNS_MISMATCH = "dns_mismatch", DOWN, "Unexpected DNS answer", "The records are not the expected ones."

    # Domains
    DOMAIN_EXPIRED = "domain_expired", DOWN, "Domain expired", "The registration of the domain has ended."
    DOMAIN_SUSPENDED = (
        "domain_suspended",
        DOWN,
        "Domain suspended",
        "The registry keeps the domain out of DNS: it is on hold, or about to be deleted.",
    )
    DOMAIN_UNREGISTERED = "domain_unregistered", DOWN, "Domain not registered", "The registry knows no such domain."

    # Pings
    PACKET_LOSS = "packet_loss", DOWN, "Packets lost", "Fewer pings were answered than the monitor asks for."
    # Jobs that report in
    NO_PING = "no_ping", DOWN, "No ping", "The job did not report in when it was due, nor in its time of grace."
    NOT_FINISHED = (
        "not_finished",
        DOWN,
        "Not finished",
        "The job said that it started, and not within its time of grace that it ended.",
    )
    JOB_FAILED = "job_failed", DOWN, "Job failed", "The job itself said that it failed."
    # Monitors of monitors
    MEMBERS_DOWN = "members_down", DOWN, "Members down", "Too few of the group's monitors are up."

    # What we failed to see
    MISSED_WINDOW = "missed_window", NODATA, "Too late", "The check came to its turn too late and was left out."
    REGION_OFFLINE = "region_offline", NODATA, "Region offline", "The region gave no sign of life."
    REGION_SICK = "region_sick", NODATA, "Region not trusted", "The region had trouble of its own."
    LOST = "lost", NODATA, "Result lost", "The check was sent, and no result came back."
    NOT_DISPATCHED = "not_dispatched", NODATA, "Not sent", "The check was never sent to the region."
    WORKER_STOPPING = "worker_stopping", NODATA, "Worker stopped", "The worker was stopped during the check."
    BLOCKED_ADDRESS = (
        "blocked_address",
        NODATA,
        "Private address",
        "The name leads into a private network, where this region does not look.",
    )
    RESOLVER_SICK = "resolver_sick", NODATA, "Our DNS failed", "The region's own name servers did not answer."
    REGISTRY_SILENT = (
        "registry_silent",
        NODATA,
        "Registry silent",
        "The registry of the domain gave no answer, or does not answer us at present.",
    )
    LOCAL_ERROR = "local_error", NODATA, "Trouble on our side", "The region could not carry out the check."
    STALE_CONFIG = "stale_config", NODATA, "Older settings", "The monitor was changed during the check."
    THROTTLED = "throttled", NODATA, "Held back", "Too many checks go to this domain; this one was left out."
    BAD_CHECK = "bad_check", NODATA, "Settings not usable", "The region cannot make sense of the settings."

    @property
    def is_timeout(self) -> bool:
        return self.value.startswith("timeout_")
