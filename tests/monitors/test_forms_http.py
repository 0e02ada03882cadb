"""How a website is asked, from the form and over REST to what is stored: choices, certificates, proxies, secrets."""

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from monitors.masks import MASK
from monitors.models import Monitor
from monitors.probes.kinds import KINDS
from monitors.wire import read_proxy, split_proxy
from tests.factories import make_region, make_user
from tests.monitors.test_api import Caller, errors, made
from tests.monitors.test_forms import form_of, saved, whole_page
from tests.ssrf_cases import MUST_DENY, SPELLINGS, as_host

pytestmark = pytest.mark.django_db
OAUTH = {
    "auth": "oauth2",
    "token_url": "https://login.example.com/token",
    "client_id": "me",
    "client_secret": "a client secret",
}


@pytest.fixture
def alice():
    make_region("local")
    return make_user("alice")


@pytest.fixture
def caller(alice):
    return Caller(alice)


@pytest.fixture(scope="module")
def pair():
    leaf = trustme.CA().issue_cert("monitor@example.com")
    return {
        "client_certificate": leaf.cert_chain_pems[0].bytes().decode(),
        "client_key": leaf.private_key_pem.bytes().decode(),
    }


def wrong(user, instance=None, **given):
    form = form_of(user, instance, **given)
    assert not form.is_valid()
    return {name: texts[0] for name, texts in form.errors.items()}


# What is stored -----------------------------------------------------------------------------------------------------
def test_what_nobody_chose_is_not_carried_by_every_check(alice):
    stored = saved(form_of(alice)).options
    assert set(stored) == {
        "method", "follow_redirects", "verify_tls", "expected_status", "keyword", "keyword_mode", "certificate_days"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        ({"auth": "basic", "auth_username": "me", "auth_password": " a password "}, "auth_password"),
        ({"auth": "bearer", "bearer_token": "a.long.token"}, "bearer_token"),
        ({**OAUTH, "scope": "a b", "audience": "x", "client_auth": "body"}, "client_secret"),
        ({"proxy": "socks5h://proxy.example.com", "proxy_username": "me", "proxy_password": "a password"},
         "proxy_password"),
        ({"body_kind": "json", "body": '{"a": 1234567890}', "method": "POST"}, "body"),
    ],
    ids=["basic", "bearer", "oauth2", "proxy", "json"],
)  # fmt: skip
def test_secrets_are_stored_apart_shown_masked_and_kept_when_sent_back(alice, caller, given, secret):
    monitor = saved(form_of(alice, **given))
    assert monitor.secrets == {secret: given[secret]}
    assert secret not in monitor.options
    page = form_of(alice, monitor)
    assert given[secret] not in "".join(str(bound) for bound in page)
    assert MASK in str(page[secret])
    assert given[secret] not in caller.get(f"/api/v2/monitors/{monitor.pk}").content.decode()
    shown = type(page)(None, team=page.team, user=alice, instance=monitor)
    again = saved(type(page)(whole_page(shown), team=page.team, user=alice, instance=monitor))
    assert (again.secrets, again.options, again.config_version) == (monitor.secrets, monitor.options, 1)


def test_what_belongs_to_another_choice_is_not_kept(alice):
    monitor = saved(form_of(alice, **{**OAUTH, "auth": "basic", "auth_username": "me", "auth_password": "password"}))
    assert "token_url" not in monitor.options
    assert set(monitor.secrets) == {"auth_password"}
    monitor = saved(form_of(alice, monitor, auth="none"))
    assert not monitor.secrets
    assert "auth" not in monitor.options


def test_every_secret_of_http_is_one():
    secret = {name for name in KINDS.get("http").Options.base_fields if "password" in name or "secret" in name}
    assert secret | {"bearer_token", "client_key", "headers", "body"} == set(KINDS.get("http").secret_fields)


# What is refused ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ({"body_kind": "json", "body": '{"a": }', "method": "POST"}, "body", "This is not JSON: Expecting value at"),
        ({"body_kind": "json", "body": "NaN"}, "body", "This is not JSON that others could read"),
        ({"body_kind": "json", "body": "[" * 60_000}, "body", "This is not JSON that others could read"),
        ({"body_kind": "form", "body": "a=1\nb"}, "body", "“b” has no name and “=”"),
        ({"auth": "bearer", "bearer_token": "a b"}, "bearer_token", "A token has no spaces"),
        ({"auth": "bearer", "bearer_token": "a\r\nHost: evil"}, "bearer_token", "A token has no spaces"),
        (
            {"client_certificate": "rubbish", "client_key": "x"},
            "client_key",
            "The client certificate is no certificate",
        ),
        ({"client_key": "rubbish"}, "client_key", "Enter the certificate that belongs to the key too"),
        ({"authorities": "rubbish"}, "authorities", "This is no certificate in PEM form"),
        (
            {"http_version": "2", "target": "http://example.com"},
            "http_version",
            "HTTP/2 is agreed on under TLS. Use an https://",
        ),
        ({"ip_version": "ipv6", "target": "https://1.1.1.1"}, "ip_version", "1.1.1.1 is one address of one version"),
        ({"ip_version": "both", "target": "https://1.1.1.1"}, "ip_version", "1.1.1.1 is one address of one version"),
        ({"proxy": "proxy.example.com:3128"}, "proxy", "Add http:// in front"),
        (
            {"proxy": "ftp://proxy.example.com"},
            "proxy",
            "Addresses with “ftp:” cannot be monitored here. Use socks5h://",
        ),
        (
            {"proxy": "http://me:secret@proxy.example.com"},
            "proxy",
            "Leave user name and password out of the address: they",
        ),
        ({"proxy": "http://proxy.example.com/path"}, "proxy", "A proxy has no path"),
        ({"proxy": "http://proxy.example.com:6379"}, "proxy", "Port 6379 belongs to another service"),
        ({**OAUTH, "token_url": "login.example.com"}, "token_url", "Add https:// in front"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(alice, settings, given, field, text):
    settings.ALLOW_PRIVATE_TARGETS = False
    found = wrong(alice, **given)
    assert list(found) == [field]
    assert found[field].startswith(text)


@pytest.mark.parametrize("host", [as_host(each) for each in MUST_DENY if each != "nonsense"] + [*SPELLINGS])
def test_proxies_and_token_urls_in_private_networks_are_refused(alice, settings, host):
    settings.ALLOW_PRIVATE_TARGETS = False
    for scheme in ("http", "https", "socks5h"):
        assert "proxy" in wrong(alice, proxy=f"{scheme}://{host}:3128")
    assert "token_url" in wrong(alice, **{**OAUTH, "token_url": f"https://{host}/token"})


def test_a_private_proxy_is_refused_over_rest_too(caller, settings):
    settings.ALLOW_PRIVATE_TARGETS = False
    found = errors(caller.create(proxy_host="10.0.0.1", proxy_port=3128))
    assert found["proxy_host"][0].startswith("10.0.0.1 is not a public address")


def test_a_certificate_and_its_key_are_taken(alice, pair):
    monitor = saved(form_of(alice, **pair))
    assert monitor.secrets == {"client_key": pair["client_key"].strip()}
    assert monitor.options["client_certificate"].startswith("-----BEGIN CERTIFICATE-----")
    again = form_of(alice, monitor, name="Other")
    assert saved(again).config_version == 1
    other = trustme.CA().issue_cert("other@example.com").cert_chain_pems[0].bytes().decode()
    assert "does not belong" in wrong(alice, monitor, client_certificate=other)["client_key"], "the key is the kept one"


def test_a_key_that_cannot_be_used_is_refused_with_the_way_out(alice, pair):
    key = load_pem_private_key(pair["client_key"].encode(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
    assert "openssl pkey" in wrong(alice, **{**pair, "client_key": locked})["client_key"]
    assert "no private key" in wrong(alice, **{**pair, "client_key": pair["client_certificate"]})["client_key"]
    weak = rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert "1024 bits" in wrong(alice, **{**pair, "client_key": weak.decode()})["client_key"]


def test_a_mask_of_nothing_is_not_stored(alice):
    assert "Enter the value again" in wrong(alice, auth="bearer", bearer_token=f"{MASK}abcd")["bearer_token"]


# Over REST, in Better Stack's words -----------------------------------------------------------------------------------
def stored():
    monitor = Monitor.objects.get()
    return {name: monitor.all_options.get(name, "") for name in ("auth", "auth_username", "auth_password")}


def test_a_user_name_by_itself_means_basic_authentication(caller):
    pk = made(caller.create(auth_username="alice", auth_password="a password"))["id"]
    assert stored() == {"auth": "basic", "auth_username": "alice", "auth_password": "a password"}
    assert caller.attributes(pk)["auth_password"] == f"{MASK}word"
    caller.change(pk, auth_password="another one")
    assert stored()["auth_password"] == "another one"
    caller.change(pk, **caller.attributes(pk))
    assert stored()["auth_password"] == "another one"
    caller.change(pk, auth_username=None, auth_password=None)
    assert stored() == {"auth": "", "auth_username": "", "auth_password": ""}


@pytest.mark.parametrize(
    ("given", "proxy", "host", "port"),
    [
        ({"proxy_host": "proxy.example.com", "proxy_port": 3128}, "http://proxy.example.com:3128", None, 3128),
        ({"proxy_host": "proxy.example.com", "proxy_port": "3128"}, "http://proxy.example.com:3128", None, 3128),
        ({"proxy_host": "proxy.example.com:3128"}, "http://proxy.example.com:3128", None, 3128),
        ({"proxy_host": "https://proxy.example.com"}, "https://proxy.example.com:443",
         "https://proxy.example.com", 443),
        ({"proxy_host": "socks5h://proxy.example.com"}, "socks5h://proxy.example.com:1080",
         "socks5h://proxy.example.com", 1080),
        ({"proxy_host": "2606:2800::1", "proxy_port": 3128}, "http://[2606:2800::1]:3128", "[2606:2800::1]", 3128),
    ],
)  # fmt: skip
def test_a_proxy_is_host_and_port(caller, given, proxy, host, port):
    found = made(caller.create(**given))
    assert Monitor.objects.get().options["proxy"] == proxy
    shown = found["attributes"]
    assert (shown["proxy_host"], shown["proxy_port"]) == (host or "proxy.example.com", port)
    caller.change(found["id"], **shown)
    assert Monitor.objects.get().options["proxy"] == proxy
    assert Monitor.objects.get().config_version == 1
    caller.change(found["id"], proxy_port=8080)
    assert Monitor.objects.get().options["proxy"].endswith(":8080")
    caller.change(found["id"], proxy_host=None)
    assert "proxy" not in Monitor.objects.get().options


def test_a_proxy_s_user_may_stand_in_front_of_its_host(caller):
    pk = made(caller.create(proxy_host="alice:s3:cret@proxy.example.com", proxy_port=3128))["id"]
    monitor = Monitor.objects.get()
    assert (monitor.options["proxy_username"], monitor.secrets) == ("alice", {"proxy_password": "s3:cret"})
    assert caller.attributes(pk)["proxy_host"] == "proxy.example.com"


@pytest.mark.parametrize(
    ("given", "field"),
    [({"proxy_host": 5}, "proxy_host"), ({"proxy_host": "a.example", "proxy_port": "x"}, "proxy_port"),
     ({"proxy_host": "a.example", "proxy_port": 70_000}, "proxy_port"),
     ({"proxy_host": "a b", "proxy_port": 1}, "proxy_host"),
     ({"proxy_port": True}, "proxy_port"), ({"ip_version": "ipv5"}, "ip_version"), ({"auth": 5}, "auth"),
     ({"auth_username": {}}, "auth_username")],
)  # fmt: skip
def test_a_wrong_attribute_is_named(caller, given, field):
    assert field in errors(caller.create(**given))


@pytest.mark.parametrize("version", ["ipv4", "ipv6", None])
def test_ip_versions_are_the_wire_s(caller, version):
    found = made(caller.create(ip_version=version))
    assert found["attributes"]["ip_version"] == version
    assert Monitor.objects.get().options.get("ip_version") == version


@pytest.mark.parametrize("text", ["", "http://a.example:80", "socks5h://a.example:1080", "https://[::1]:3128"])
def test_a_proxy_keeps_its_meaning_on_the_wire(text):
    host, port = split_proxy(text)
    assert read_proxy(host, port and str(port))["proxy"] == text
