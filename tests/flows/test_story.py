"""The story the product exists for: a website is watched, stops, is seen to be down and why, and comes back."""

import subprocess
import sys

import pytest

from tests.flows.story import goes_down_and_comes_back
from tests.helpers import wait_until
from tests.product import ROOT, Product
from tests.servers import Target, answer, hang

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Product(tmp_path_factory.mktemp("product")) as running:
        running.sign_up()
        yield running


@pytest.fixture
def website():
    with Target() as target:
        yield target


def test_a_website_is_seen_up_down_with_its_reason_and_up_again(product, website):
    goes_down_and_comes_back(product, website)


def test_a_refused_connection_says_so(product, website):
    website.refuses()
    pk = product.add(f"{website.url}/", check_frequency=3)
    found = product.wait_for_status(pk, "down")
    assert "refused" in found["last_detail"].lower()


def test_a_hanging_website_is_down_after_its_timeout(product):
    with Target() as target:
        target.does(hang)
        pk = product.add(f"{target.url}/", check_frequency=3, request_timeout=2)
        found = product.wait_for_status(pk, "down")
    assert "2 s" in found["last_detail"]


def test_pausing_takes_effect_and_resuming_checks_at_once(product, website):
    website.does(answer(200))
    pk = product.add(f"{website.url}/", check_frequency=1)
    product.wait_for_status(pk, "up")
    product.session.patch(f"{product.url}/api/v2/monitors/{pk}", json={"paused": True})
    product.wait_for_status(pk, "paused")
    [(before,)] = product.sql("SELECT max(slot) FROM monitors_tick WHERE monitor_id = %s", pk)
    product.session.patch(f"{product.url}/api/v2/monitors/{pk}", json={"paused": False})
    product.wait_for_status(pk, "up")
    ticks = product.sql("SELECT count(*) FROM monitors_tick WHERE monitor_id = %s AND slot > %s", pk, before)
    assert ticks[0][0] >= 1


def test_a_region_on_this_machine_joins_while_running(product, website):
    website.does(answer(200))
    environment = {**product.env, "DATA_DIR": str(product.folder)}
    run_manage(environment, "shell", "-c", "from uptime import actions; actions.add_region('second', 'Second', True)")
    pk = product.add(f"{website.url}/", check_frequency=3, regions=["local", "second"])
    wait_until(
        lambda: product.sql("SELECT count(DISTINCT region_id) FROM monitors_tick WHERE monitor_id = %s", pk)[0][0] == 2,
        30,
        0.3,
        "both regions have looked",
    )
    wait_until(lambda: product.pids("checks.second"))


def run_manage(environment, *words):
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_manage_py_works_beside_it_with_no_variable_set(product):
    out = run_manage({**product.env}, "region", "list")
    assert "local" in out
