"""The same story with RabbitMQ as the broker: nothing the pipeline rests on is particular to Redis."""

import os

import pytest

from tests import rabbitmq
from tests.flows.story import goes_down_and_comes_back
from tests.product import Product
from tests.servers import Target

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(240)]


@pytest.fixture
def product(tmp_path):
    with (
        rabbitmq.virtual_host(f"uptime-story-{os.getpid()}") as broker,
        Product(tmp_path, BROKER_URL=broker) as running,
    ):
        running.sign_up()
        yield running


def test_a_website_is_seen_up_down_with_its_reason_and_up_again(product):
    with Target() as website:
        goes_down_and_comes_back(product, website)
