"""How the kind `http` asks, as options: method and body, who we are, and the way to the target."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from django import forms
from django.core.exceptions import ValidationError

from monitors.probes.oauth import is_token
from monitors.probes.options import DefaultChoiceField, HeadersField, OptionsForm, SecretField, TextField
from monitors.probes.route import Family, check_proxy
from uptime.lib.net import Guard, UrlError, check_url, is_address

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_BODY = 64 * 1024  # bytes we send
MAX_REDIRECTS = 10
MAX_PEM = 32 * 1024  # characters
RSA_BITS = (2048, 4096)  # fewer are refused by OpenSSL, and with more a handshake would hold up other checks
FAMILIES: dict[str, Family] = {"ipv4": 4, "ipv6": 6}
SECRETS = ("headers", "body", "auth_password", "bearer_token", "client_secret", "client_key", "proxy_password")
# What belongs to a choice: of another one it is neither shown nor kept.
BELONGS = {
    "auth": {
        "basic": ("auth_username", "auth_password"),
        "bearer": ("bearer_token",),
        "oauth2": ("token_url", "client_id", "client_secret", "scope", "audience", "client_auth"),
    },
}


class MethodField(forms.ChoiceField):
    """Accepts any case, as API clients write methods; cleans to upper case."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).upper()


class PemField(TextField):
    """Text of PEM blocks (RFC 7468)."""

    widget = forms.Textarea

    def __init__(self, *, block: str, **more: Any) -> None:
        attrs = {"rows": 3, "spellcheck": "false", "placeholder": f"-----BEGIN {block}-----"}
        super().__init__(required=False, max_length=MAX_PEM, widget=forms.Textarea(attrs=attrs), **more)


class LineField(TextField):
    """One line of plain text, shown as it was typed."""

    def __init__(self, *, when: str = "", placeholder: str = "", **more: Any) -> None:
        attrs = {"autocomplete": "off", "spellcheck": "false", "placeholder": placeholder, "data-when": when}
        shown = {name: value for name, value in attrs.items() if value}
        super().__init__(required=False, widget=forms.TextInput(attrs=shown), **{"max_length": 300, **more})


class RequestOptions(OptionsForm):
    section = "Request"
    groups = (
        ("Request", ("method", "headers", "body_kind", "body", "follow_redirects")),
        ("Authentication", ("auth", *(name for names in BELONGS["auth"].values() for name in names),
                            "client_certificate", "client_key")),
        ("Connection", ("verify_tls", "authorities", "http_version", "ip_version",
                        "proxy", "proxy_username", "proxy_password")),
    )  # fmt: skip
    rare = frozenset(
        {"body_kind", "auth", "client_certificate", "client_key", "authorities", "http_version", "ip_version",
         "proxy", "proxy_username", "proxy_password", *(name for names in BELONGS["auth"].values() for name in names)}
    )  # fmt: skip

    method = MethodField(
        label="Method",
        choices=[(name, name) for name in METHODS],
        initial="GET",
        help_text="HEAD saves traffic; GET also fetches the page, which a keyword needs.",
    )
    follow_redirects = forms.BooleanField(
        label="Follow redirects",
        required=False,
        initial=True,
        help_text=f"Up to {MAX_REDIRECTS}. Headers, body and authentication are not sent on to another site.",
    )
    verify_tls = forms.BooleanField(
        label="Verify the certificate",
        required=False,
        initial=True,
        help_text="Off, an expired or self-signed certificate does not count as down.",
    )
    headers = HeadersField(
        label="Request headers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Accept: application/json", "spellcheck": "false"}),
        help_text="One per line, as in “Accept: application/json”. Stored encrypted.",
    )
    body_kind = DefaultChoiceField(
        label="The body is",
        choices=[("raw", "Text, sent as it is"), ("json", "JSON"), ("form", "A form: one name=value per line")],
        initial="raw",
        help_text="JSON and forms get the Content-Type that goes with them, unless a header says otherwise.",
    )
    body = TextField(
        label="Request body",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="Text that reads like JSON is sent as application/json unless a header says otherwise. "
        "Stored encrypted.",
    )
    auth = DefaultChoiceField(
        label="Authentication",
        choices=[
            ("none", "None"),
            ("basic", "User name and password (Basic)"),
            ("bearer", "Bearer token"),
            ("oauth2", "OAuth 2.0 client credentials"),
        ],
        initial="none",
        help_text="Sent with every request to the target, never to another site it redirects to.",
    )
    auth_username = LineField(label="User name", when="auth=basic", help_text="For Basic authentication.")
    auth_password = SecretField(
        label="Password", strip=False, when="auth=basic", help_text="For Basic authentication. Stored encrypted."
    )
    bearer_token = SecretField(
        label="Token",
        max_length=8192,
        when="auth=bearer",
        help_text="Sent as “Authorization: Bearer …”. Stored encrypted.",
    )
    token_url = LineField(
        label="Token endpoint",
        max_length=2048,
        when="auth=oauth2",
        placeholder="https://login.example.com/oauth2/token",
        help_text="Where the access token is fetched. It is used again until shortly before it expires.",
    )
    client_id = LineField(label="Client ID", when="auth=oauth2", help_text="For OAuth 2.0.")
    client_secret = SecretField(label="Client secret", when="auth=oauth2", help_text="For OAuth 2.0. Stored encrypted.")
    scope = LineField(
        label="Scope", max_length=1000, when="auth=oauth2", help_text="Several are separated by spaces. May be empty."
    )
    audience = LineField(
        label="Audience", max_length=1000, when="auth=oauth2", help_text="Only where the provider asks for one."
    )
    client_auth = DefaultChoiceField(
        label="The client signs in",
        choices=[("header", "In the Authorization header"), ("body", "In the body of the token request")],
        initial="header",
        widget=forms.Select(attrs={"data-when": "auth=oauth2"}),
        help_text="Every OAuth 2.0 provider should know the first; some insist on the second.",
    )
    client_certificate = PemField(
        block="CERTIFICATE",
        label="Client certificate",
        help_text="In PEM form, for servers that ask for one (mutual TLS); intermediate certificates may follow it. "
        "Never shown to another site the target redirects to.",
    )
    client_key = PemField(
        block="PRIVATE KEY",
        label="Key of the client certificate",
        help_text="In PEM form, without a passphrase. Stored encrypted.",
    )
    authorities = PemField(
        block="CERTIFICATE",
        label="Trusted authorities",
        help_text="Certificates in PEM form, one after another, that are trusted instead of the public authorities: "
        "by the target, its redirects, the token endpoint and the proxy.",
    )
    http_version = DefaultChoiceField(
        label="HTTP version",
        choices=[("1.1", "HTTP/1.1"), ("auto", "HTTP/2 if the server offers it"), ("2", "HTTP/2, or it is down")],
        initial="1.1",
        help_text="HTTP/2 is agreed on under TLS (ALPN), so it takes an https:// address.",
    )
    ip_version = DefaultChoiceField(
        label="IP version",
        choices=[
            ("", "Automatic"),
            ("ipv4", "IPv4 only"),
            ("ipv6", "IPv6 only"),
            ("both", "Both, one after the other"),
        ],
        help_text="With “both” the target must answer over each of them, within the one timeout.",
    )
    proxy = LineField(
        label="Proxy",
        max_length=2048,
        placeholder="http://proxy.example.com:3128",
        help_text="An HTTP proxy (http:// or https://) or a SOCKS proxy (socks5h://), which looks the target's name up "
        "by itself. Targets and proxies in private networks are refused as ever.",
    )
    proxy_username = LineField(label="User name at the proxy", help_text="Empty: it asks for none.")
    proxy_password = SecretField(label="Password at the proxy", strip=False, help_text="Stored encrypted.")

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        if len(body.encode("utf-8", "replace")) > MAX_BODY:
            raise ValidationError(f"The body is longer than {MAX_BODY // 1024} kB.")
        return body

    def clean_auth_username(self) -> str:
        name: str = self.cleaned_data["auth_username"]
        if ":" in name:
            raise ValidationError("A user name for Basic authentication holds no colon (RFC 7617). Leave it out.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("method") == "HEAD" and cleaned.get("body"):
            self.add_error("body", "A HEAD request carries no body. Choose another method, or clear the body.")
        if cleaned.get("ip_version") and cleaned.get("proxy"):
            self.add_error("ip_version", "With a proxy it is the proxy that chooses. Choose Automatic, or no proxy.")
        for field, text in self._contradictions(cleaned):
            self.add_error(field, text)
        return cleaned

    def _contradictions(self, cleaned: dict[str, Any]) -> Iterator[tuple[str, str]]:
        auth = cleaned.get("auth")
        if auth == "basic" and not cleaned.get("auth_username") and not cleaned.get("auth_password"):
            yield "auth_username", "Enter the user name, or choose another authentication."
        if auth == "bearer" and not cleaned.get("bearer_token"):
            yield "bearer_token", "Enter the token, or choose another authentication."
        for name, label in (("token_url", "address"), ("client_id", "client ID"), ("client_secret", "client secret")):
            if auth == "oauth2" and name not in self.errors and not cleaned.get(name):
                yield name, f"Enter the {label}, or choose another authentication."
        names = [each["name"].lower() for each in cleaned.get("headers") or ()]
        if auth not in (None, "none") and "authorization" in names:
            yield "headers", "The authentication below sets the Authorization header. Leave one of them out."
        if cleaned.get("proxy_username") and not cleaned.get("proxy"):
            yield "proxy", "Enter the proxy this user name is for, or clear the user name."

    def clean_whole(self) -> None:
        cleaned = self.cleaned_data
        for choice, owned in BELONGS.items():
            for name in (name for value, names in owned.items() if value != cleaned[choice] for name in names):
                cleaned[name] = self.fields[name].initial or ""
        for name, check in CHECKS.items():
            try:
                check(cleaned)
            except ValidationError as error:
                self.add_error(name, error)

    def clean_for(self, target: str, guard: Guard) -> None:
        for name, check in (("token_url", check_url), ("proxy", check_proxy)):
            if self.cleaned_data[name]:
                try:
                    self.cleaned_data[name] = str(check(self.cleaned_data[name], guard=guard))
                except UrlError as error:
                    self.add_error(name, str(error))
        url = urlsplit(target)
        if self.cleaned_data["http_version"] == "2" and url.scheme != "https":
            self.add_error("http_version", "HTTP/2 is agreed on under TLS. Use an https:// address, or another choice.")
        family, host = self.cleaned_data["ip_version"], url.hostname or ""
        if family and is_address(host) and family != ("ipv6" if ":" in host else "ipv4"):
            self.add_error("ip_version", f"{host} is one address of one version. Use a name, or choose Automatic.")


# Each raises ValidationError with a sentence for the person who typed it.
def form_fields(text: str) -> str:
    """Lines of name=value as a browser would send them (application/x-www-form-urlencoded)."""
    pairs = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        if not equals or not name:
            raise ValidationError(f"“{line[:60]}” has no name and “=”. Write one field per line, as in name=value.")
        pairs.append((name.strip(), value.strip()))
    return urlencode(pairs)


def _check_body(cleaned: dict[str, Any]) -> None:
    if cleaned["body_kind"] == "form":
        form_fields(cleaned["body"])
    elif cleaned["body_kind"] == "json" and cleaned["body"]:
        try:
            json.loads(cleaned["body"], parse_constant=_no_number)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ValidationError(f"This is not JSON: {error.msg} at {where}. Put it right, or send text.") from error
        except (ValueError, RecursionError) as error:
            raise ValidationError("This is not JSON that others could read. Put it right, or send text.") from error


def _check_token(cleaned: dict[str, Any]) -> None:
    if cleaned["bearer_token"] and not is_token(cleaned["bearer_token"]):
        raise ValidationError("A token has no spaces, line breaks or letters beyond ASCII. Enter it without “Bearer”.")


def _no_number(name: str) -> None:
    raise ValueError(name)


def _check_pair(cleaned: dict[str, Any]) -> None:
    certificate, key = cleaned["client_certificate"], cleaned["client_key"]
    if bool(certificate) != bool(key):
        missing = "key that belongs to the certificate" if certificate else "certificate that belongs to the key"
        raise ValidationError(f"Enter the {missing} too, or clear both.")
    if not certificate:
        return
    known = _certificates(certificate, "The client certificate")[0].public_key()
    if _private_key(key).public_key() != known:
        raise ValidationError("This key does not belong to the client certificate. Enter the two that go together.")


def _check_authorities(cleaned: dict[str, Any]) -> None:
    if cleaned["authorities"]:
        _certificates(cleaned["authorities"], "This")


def _certificates(text: str, what: str) -> list[Any]:
    try:
        return load_pem_x509_certificates(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValidationError(
            f"{what} is no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----."
        ) from error


def _private_key(text: str) -> Any:
    try:
        key = load_pem_private_key(text.encode(), None)
    except TypeError as error:
        raise ValidationError(
            "This key is locked with a passphrase. Unlock it, as in “openssl pkey -in key.pem -out open.pem”; "
            "it is stored encrypted here."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValidationError(
            "This is no private key in PEM form, which begins with -----BEGIN PRIVATE KEY-----."
        ) from error
    least, most = RSA_BITS
    if isinstance(key, rsa.RSAPrivateKey) and not least <= key.key_size <= most:
        raise ValidationError(f"This RSA key has {key.key_size} bits. Use one of {least} to {most}, or another kind.")
    return key


CHECKS = {
    "body": _check_body,
    "bearer_token": _check_token,
    "client_key": _check_pair,
    "authorities": _check_authorities,
}
