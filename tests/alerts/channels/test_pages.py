"""Every kind for chats and phones, from its form to “Send test” and the message that is kept."""

import pytest

from alerts.channels.base import KINDS
from alerts.models import Channel, Delivery
from tests.servers import answer

pytestmark = pytest.mark.django_db
TOKEN = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
PUSHOVER = {"token": "azGDORePK8gMaC0QOYAMyEEuzJnyUi", "user": "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"}
TYPED = [  # {} is where a local server listens
    ("slack", {"url": "{}/services/T0/B0/SECRET-1234"}, "ok"),
    ("discord", {"url": "{}/api/webhooks/81/SECRET-1234"}, '{{"id": "1"}}'),
    ("teams", {"url": "{}/workflows/x?sig=SECRET-1234"}, ""),
    ("ntfy", {"server": "{}", "topic": "SECRET-1234"}, '{{"id": "1"}}'),
    ("telegram", {"token": TOKEN, "chat": "-100123"}, None),
    ("pagerduty", {"routing_key": "0123456789abcdef0123456789ABCDEF", "region": "eu"}, None),
    ("pushover", {**PUSHOVER, "emergency": "on"}, None),
    ("apprise", {"url": "pbul://o.abcdefghijklmnopqrst-SECRET-1234"}, None),
]


def add(client, name, typed, sink) -> Channel:
    values = {field: value.format(sink.url) for field, value in typed.items()}
    response = client.post(f"/alerts/channels/add?kind={name}", {**values, "whose": "team"})
    assert response.status_code == 302, response.content.decode()
    return Channel.objects.get()


@pytest.mark.parametrize(("name", "typed", "_said"), TYPED)
def test_it_is_added_by_its_form_and_its_secrets_are_never_shown_again(client, team, sink, name, typed, _said):
    kind = KINDS.get(name)
    form = client.get(f"/alerts/channels/add?kind={name}").content.decode()
    assert all(f'name="{field}"' in form for field in kind.Options.base_fields)
    channel = add(client, name, typed, sink)
    assert set(channel.secrets) == set(kind.secret_fields) & set(typed)
    shown = (client.get(f"/alerts/channels/{channel.pk}").content + client.get("/alerts").content).decode()
    for secret in channel.secrets.values():
        assert secret not in shown
        assert f"••••{secret[-4:]}" in shown
    page = dict(channel.about.Options(initial=channel.options).initial)
    masked = {field: f"••••{secret[-4:]}" for field, secret in channel.secrets.items()}
    before = channel.secrets
    assert client.post(f"/alerts/channels/{channel.pk}", {**page, **masked, "whose": "team"}).status_code == 302
    channel.refresh_from_db()
    assert channel.secrets == before


@pytest.mark.parametrize(("name", "typed", "said"), [each for each in TYPED if each[2] is not None])
def test_send_test_says_what_the_provider_answered_and_keeps_the_message(client, team, sink, name, typed, said):
    channel = add(client, name, typed, sink)
    sink.does(answer(200, said.format()))
    page = client.post(f"/alerts/channels/{channel.pk}/test", follow=True).content.decode()
    assert "The test went through" in page
    delivery = Delivery.objects.get()
    kept = client.get(f"/alerts/messages/{delivery.pk}").content.decode()
    assert "Test message from" in kept
    assert "SECRET-1234" not in kept
    sink.does(answer(404, "gone"))
    page = client.post(f"/alerts/channels/{channel.pk}/test", follow=True).content.decode()
    assert f"{channel.about.label.removeprefix('Microsoft ')} answered 404" in page
