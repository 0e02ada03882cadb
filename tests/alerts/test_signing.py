"""Changing the secret that webhooks are signed with: at no moment is there a message its receiver could not verify."""

import base64
import hashlib
import hmac
import re

import pytest

from alerts.channels.webhook import new_secret, secret_bytes
from alerts.models import Channel
from tests.factories import make_channel

pytestmark = pytest.mark.django_db


def verifies(secret, seen):
    """Whether a request carries a signature of this secret, as Standard Webhooks has receivers check it."""
    content = b".".join([seen.headers["webhook-id"].encode(), seen.headers["webhook-timestamp"].encode(), seen.body])
    made = base64.b64encode(hmac.new(secret_bytes(secret), content, hashlib.sha256).digest()).decode()
    return f"v1,{made}" in seen.headers["webhook-signature"].split()


def test_a_signing_secret_is_changed_without_a_message_the_receiver_could_not_verify(client, team, sink):
    first = new_secret()
    channel = make_channel(team, f"{sink.url}/hook")
    channel.secrets = {**channel.secrets, "signing_secret": first}
    channel.save()
    page = client.post(f"/alerts/channels/{channel.pk}/secret")
    second = re.search(r"<code>(whsec_[^<]+)</code>", page.content.decode())[1]
    assert "no-store" in page["Cache-Control"]
    client.post(f"/alerts/channels/{channel.pk}/test")
    assert verifies(first, sink.requests[-1])
    assert verifies(second, sink.requests[-1])
    form = client.get(f"/alerts/channels/{channel.pk}").content.decode()
    assert first not in form
    assert second not in form
    masks = {"url": f"••••{channel.secrets['url'][-4:]}", "signing_secret": f"••••{second[-4:]}"}
    client.post(f"/alerts/channels/{channel.pk}", {**masks, "method": "POST", "whose": "team", "verify_tls": "on"})
    client.post(f"/alerts/channels/{channel.pk}/test")
    assert not verifies(first, sink.requests[-1])
    assert verifies(second, sink.requests[-1])


def test_the_present_secret_can_be_moved_to_the_former_one_as_it_is_shown(client, team, sink):
    channel = make_channel(team, f"{sink.url}/hook")
    first, second = new_secret(), new_secret()
    channel.secrets = {**channel.secrets, "signing_secret": first}
    channel.save()
    typed = {"url": f"••••{channel.secrets['url'][-4:]}", "method": "POST", "whose": "team", "verify_tls": "on"}
    typed |= {"signing_secret": second, "old_signing_secret": f"••••{first[-4:]}"}
    assert client.post(f"/alerts/channels/{channel.pk}", typed).status_code == 302
    channel.refresh_from_db()
    assert (channel.secrets["signing_secret"], channel.secrets["old_signing_secret"]) == (second, first)


def test_only_signed_channels_have_a_secret_to_change(client, team):
    channel = Channel.objects.create(team=team, kind="email", name="Mail", options={"addresses": ["a@example.com"]})
    assert client.post(f"/alerts/channels/{channel.pk}/secret").status_code == 404
    assert "signing secret" not in client.get(f"/alerts/channels/{channel.pk}").content.decode()
