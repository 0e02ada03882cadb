"""What registries say, in their own formats, and what is read of it."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.probes.base import MAX_TIME
from monitors.probes.registries import (
    Registration,
    bundled,
    read_moment,
    read_rdap,
    read_whois,
    referral,
    servers_of,
)


def ms(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-27T05:00:00Z", ms(2027, 1, 27, 5)),
        ("2027-01-27T05:00:00.123Z", ms(2027, 1, 27, 5)),
        ("2027-01-27T05:00:00+0300", ms(2027, 1, 27, 2)),
        ("2027-01-27 05:00:00+02", ms(2027, 1, 27, 3)),
        ("2027-01-27 05:00:00 (UTC+8)", ms(2027, 1, 26, 21)),
        ("2027-01-27T00:00:00-05:30", ms(2027, 1, 27, 5, 30)),
        ("2027-01-27 05:00:00", ms(2027, 1, 27, 5)),
        ("2027-01-27", ms(2027, 1, 27)),
        ("2027.01.27 14:00:00", ms(2027, 1, 27, 14)),
        ("2027/01/31", ms(2027, 1, 31)),
        ("2027. 01. 27.", ms(2027, 1, 27)),
        ("20270127", ms(2027, 1, 27)),
        ("27.1.2027 14:15:12", ms(2027, 1, 27, 14, 15, 12)),
        ("27/01/2027 23:59:59", ms(2027, 1, 27, 23, 59, 59)),
        ("27-01-2027", ms(2027, 1, 27)),
        ("27-Jan-2027", ms(2027, 1, 27)),
        ("27-jan-2027 05:00:00 UTC", ms(2027, 1, 27, 5)),
        ("2027-Jan-27.", ms(2027, 1, 27)),
        ("January 27 2027", ms(2027, 1, 27)),
        ("Wed Jan 27 05:00:00 GMT 2027", ms(2027, 1, 27, 5)),
        ("Wed Jan 27 2027", ms(2027, 1, 27)),
        ("27 January 2027", ms(2027, 1, 27)),
        ("2027-02-30", None),
        ("never", None),
        ("", None),
    ],
)
def test_dates_are_read_as_registries_write_them(text, moment):
    assert read_moment(text) == moment


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_dates(text):
    moment = read_moment(text)
    assert moment is None or 0 <= moment <= MAX_TIME


END = ms(2027, 1, 27)
GTLD = """   Domain Name: EXAMPLE.TLD\r
   Registry Domain ID: 123_DOMAIN\r
   Registrar URL: http://www.registrar.example\r
   Updated Date: 2026-01-26T05:00:00Z\r
   Creation Date: 1995-08-14T04:00:00Z\r
   Registry Expiry Date: 2027-01-27T00:00:00Z\r
   Registrar: Registrar, Inc.\r
   Domain Status: clientHold https://icann.org/epp#clientHold\r
   Domain Status: clientTransferProhibited https://icann.org/epp#clientTransferProhibited\r
   Name Server: A.EXAMPLE.NET\r
>>> Last update of whois database: 2026-11-27T00:00:00Z <<<\r
For more information on Whois status codes, please visit https://icann.org/epp\r
"""


WHOIS = {
    "generic": GTLD,
    "uk": """
    Domain name:
        example.tld

    Relevant dates:
        Registered on: 27-Jan-2001
        Expiry date:  27-Jan-2027
        Last updated:  01-Jan-2026
""",
    "ac.uk": """
Domain:
    example.tld

Renewal date:
    Wednesday 27th Jan 2027
""",
    "ru": """domain:        EXAMPLE.TLD
state:         REGISTERED, DELEGATED, VERIFIED
paid-till:     2027-01-27T00:00:00Z
free-date:     2027-02-28
source:        TCI
""",
    "fr": """domain:                        example.tld
status:                        ACTIVE
Expiry Date:                   2027-01-27T00:00:00Z
created:                       2001-01-01T00:00:00Z
""",
    "cz": """domain:       example.tld
registrant:   SB:X
registered:   27.01.2001 00:00:00
expire:       27.01.2027
""",
    "fi": """domain.............: example.tld
status.............: Registered
created............: 27.1.2001 00:00:00
expires............: 27.1.2027 00:00:00
""",
    "pl": """DOMAIN NAME:           example.tld
registrant type:       organization
created:               2001.01.27 14:00:00
renewal date:          2027.01.27 00:00:00
""",
    "br": """domain:      example.tld
owner:       Example
created:     20010127 #123
expires:     20270127
status:      published
""",
    "jp": """[Domain Name]                   EXAMPLE.TLD

[Registrant]                    Example

[Created on]                    2001/01/27
[Expires on]                    2027/01/27
[Status]                        Active
""",
    "kr": """Domain Name                 : example.tld
Registrant                  : Example
Registered Date             : 2001. 01. 27.
Expiration Date             : 2027. 01. 27.
""",
    "cn": """Domain Name: example.tld
ROID: 2001-cn
Registration Time: 2001-01-27 00:00:00
Expiration Time: 2027-01-27 00:00:00
""",
    "tw": """Domain Name: example.tld
   Registrant:
   Record expires on 2027-01-27 00:00:00 (UTC+0)
   Record created on 2001-01-27 00:00:00 (UTC+8)
""",
    "it": """Domain:             example.tld
Status:             ok
Created:            2001-01-27 00:00:00
Expire Date:        2027-01-27
""",
    "tr": """** Domain Name: example.tld
Domain Status: Active
** Additional Info:
Created on..............: 2001-Jan-27.
Expires on..............: 2027-Jan-27.
""",
    "ua": """domain:           example.tld
status:           ok
created:          2001-01-27 00:00:00+02
expires:          2027-01-27 02:00:00+02
""",
    "sk": """Domain:                       example.tld
Created:                      2001-01-27
Valid Until:                  2027-01-27
""",
    "is": """domain:       example.tld
registrant:   EX1-IS
created:      January 27 2001
expires:      January 27 2027
""",
    "se": """state:            active
domain:           example.tld
holder:           ex1
created:          2001-01-27
expires:          2027-01-27
""",
}


@pytest.mark.parametrize("place", WHOIS)
def test_the_end_is_found_in_the_whois_of_many_registries(place):
    found = read_whois(WHOIS[place].replace("\r\n", "\n"), "example.tld")
    assert found is not None
    assert (found.exists, found.expires_at) == (True, END)


def test_a_generic_answer_tells_registrar_and_statuses_too():
    found = read_whois(GTLD.replace("\r\n", "\n"), "example.tld")
    assert found.registrar == "Registrar, Inc."
    assert found.statuses == {"clienthold", "clienttransferprohibited"}


@pytest.mark.parametrize(
    "text",
    [
        'No match for domain "EXAMPLE.TLD".\n>>> Last update of whois database\n',
        "No match for \"example.tld\".\n\n    This domain name has not been registered.\n",
        "% No entries found for the selected source(s).\n",
        "Domain: example.tld\nStatus: free\n",
        "%% No entries found in the AFNIC Database.\n%%\n%% NOT FOUND\n",
        "Domain not found.\n",
        "The queried object does not exist: example.tld\n",
        "NOT FOUND\n",
        "% nothing found\n",
        "example.tld is free\n",
    ],
)  # fmt: skip
def test_who_says_that_there_is_no_such_domain_is_believed(text):
    assert read_whois(text, "example.tld") == Registration(exists=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "% Access denied: you exceeded your query limit. Try again tomorrow.\n",
        "Your request is being rate limited.\nerror: quota exceeded\n",
        "Number of allowed queries exceeded.\n",
        "% This is the WHOIS server.\n% Terms of use: none of this may be used.\n",
    ],
)
def test_a_refusal_says_nothing_of_the_domain(text):
    assert read_whois(text, "example.tld") is None


def test_a_registry_that_keeps_the_end_to_itself_says_that_the_domain_is_there():
    text = "Domain: example.tld\nNserver: a.example.net\nStatus: connect\nChanged: 2020-01-01T00:00:00Z\n"
    assert read_whois(text, "example.tld") == Registration(exists=True, statuses=frozenset({"connect"}))


@given(st.text(max_size=400))
def test_no_text_breaks_the_reading_of_whois(text):
    read_whois(text, "example.tld")


def test_iana_names_the_whois_server_of_a_top_level_domain():
    assert (
        referral("% IANA WHOIS server\n\ndomain:       FR\n\nwhois:        whois.nic.fr\n\nstatus: ACTIVE\n")
        == "whois.nic.fr"
    )
    assert referral("domain:       XX\nstatus:       ACTIVE\n") == ""


def rdap(**fields):
    document = {
        "objectClassName": "domain",
        "ldhName": "EXAMPLE.TLD",
        "status": ["client transfer prohibited", "server hold"],
        "events": [
            {"eventAction": "registration", "eventDate": "2001-01-27T00:00:00Z"},
            {"eventAction": "registrar expiration", "eventDate": "2026-12-01T00:00:00Z"},
            {"eventAction": "expiration", "eventDate": "2027-01-27T00:00:00Z"},
            {"eventAction": "last update of RDAP database", "eventDate": "2026-11-27T00:00:00Z"},
        ],
        "entities": [
            {"roles": ["abuse"], "vcardArray": ["vcard", [["fn", {}, "text", "Nobody"]]]},
            {
                "roles": ["registrar"],
                "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Reg"]]],
            },
        ],
    }
    return json.dumps({**document, **fields}).encode()


def test_rdap_tells_end_statuses_and_registrar():
    found = read_rdap(rdap(), "example.tld")
    assert found == Registration(True, END, frozenset({"clienttransferprohibited", "serverhold"}), "Reg")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<html>", b"[]", b"null", b"{}", b"[" * 100_000, rdap(ldhName="other.tld"), b"\xff\xfe",
        b'{"ldhName": 7}',
    ],
)  # fmt: skip
def test_what_is_no_answer_about_the_domain_is_none(data):
    assert read_rdap(data, "example.tld") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"events": None}, {"events": [None, 1, {}]}, {"events": [{"eventAction": 1, "eventDate": []}]},
        {"status": "ok"}, {"status": [1, None]}, {"entities": {}}, {"entities": [{"roles": "registrar"}]},
        {"entities": [{"roles": ["registrar"], "vcardArray": ["vcard", [[], ["fn"], 1]]}]},
    ],
)  # fmt: skip
def test_odd_parts_of_an_answer_are_passed_over(fields):
    assert read_rdap(rdap(**fields), "example.tld").exists


def test_a_bootstrap_file_names_https_servers():
    services = [
        [["com", "NET"], ["http://plain.example/", "https://rdap.example/"]],
        [["x"], []],
        ["y"],
        [["z"], ["ftp://z/"]],
    ]
    assert servers_of({"services": services}) == {"com": "https://rdap.example/", "net": "https://rdap.example/"}
    assert servers_of([]) == servers_of({"services": 1}) == {}


def test_the_servers_of_common_domains_come_with_the_release():
    assert {"com", "net", "org", "de", "uk", "io", "dev"} <= bundled().keys()
    assert all(url.startswith("https://") and url.endswith("/") for url in bundled().values())
