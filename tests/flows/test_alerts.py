"""The alerting half of the story: a target dies, and the one who should hear of it does, with real workers."""

import json

import pytest

from tests.helpers import wait_until
from tests.product import Product
from tests.servers import Target, answer

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("alerts")) as running:
        running.sign_up()
        yield running


def test_a_target_dies_and_recovers_and_the_receiver_hears_of_both(product):
    with Target() as website, Target() as sink:
        channel = make(product, "channels", kind="webhook", options={"url": f"{sink.url}/hook"})
        steps = [{"type": "escalation", "step_members": [{"type": "webhook", "id": channel}]}]
        [default] = product.session.get(f"{product.url}/api/v2/policies").json()["data"]
        changed = product.session.patch(f"{product.url}/api/v2/policies/{default['id']}", json={"steps": steps})
        assert changed.status_code == 200, changed.text
        pk = product.add(f"{website.url}/", check_frequency=3, request_timeout=5)
        product.wait_for_status(pk, "up")

        website.does(answer(500))
        down = heard(sink, "incident.down")
        assert down["data"]["monitor"]["id"] == pk
        assert down["data"]["incident"]["cause"] == "Answered 500 Internal Server Error, expected 200-299"

        website.does(answer(200))
        up = heard(sink, "incident.up")
        assert up["data"]["incident"]["id"] == down["data"]["incident"]["id"]
        assert len({seen.headers["webhook-id"] for seen in sink.requests}) == len(sink.requests) == 2

        rows = product.session.get(f"{product.url}/api/v2/deliveries").json()["data"]
        assert [row["attributes"]["status"] for row in rows] == ["sent", "sent"]


def make(product, noun, **body):
    made = product.session.post(f"{product.url}/api/v2/{noun}", json=body)
    assert made.status_code == 201, made.text
    return made.json()["data"]["id"]


def heard(sink, kind):
    """The first message of this kind, once it has come."""
    found = wait_until(lambda: [s for s in sink.requests if json.loads(s.body)["type"] == kind], 60, 0.1, kind)
    return json.loads(found[0].body)
