"""Notifications and the installed page in a real Chromium: the page's states, the service worker, what a push shows,
where a click leads, the manifest, and what is seen without a connection.

A real push service is not among them: Chromium has one of its own maker's, and none else."""

import json

import pytest
from playwright.sync_api import expect

from alerts.channels.base import Event
from alerts.channels.webpush import compact, document
from alerts.models import Browser
from alerts.services import browsers
from tests.alerts.channels.messages import make_message, make_subject
from tests.browsers import Reader
from tests.factories import make_browser, make_incident, make_monitor, make_user, team_of
from tests.helpers import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
# In the place of the browser's push service: an address and keys, as PushManager.subscribe gives them.
SUBSCRIBE = """
  const said = SAID;
  const subscription = (key) => ({
    endpoint: said.endpoint,
    options: { applicationServerKey: key },
    toJSON: () => ({ endpoint: said.endpoint, expirationTime: null, keys: { p256dh: said.p256dh, auth: said.auth } }),
    unsubscribe: async () => { localStorage.removeItem("subscribed"); return true; },
  });
  const key = () => Uint8Array.from(JSON.parse(localStorage.getItem("subscribed"))).buffer;
  PushManager.prototype.getSubscription = async () => (localStorage.getItem("subscribed") ? subscription(key()) : null);
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly || applicationServerKey.length !== 65) throw new Error("not what a browser takes");
    localStorage.setItem("subscribed", JSON.stringify([...applicationServerKey]));
    return subscription(applicationServerKey.buffer);
  };
"""
# What the service worker finds its old address by.
KEPT = "caches.open('uptime-push').then((all) => all.match('/push-subscription')).then((found) => found?.json())"


@pytest.fixture
def alice(chromium):
    return make_user("alice", email="alice@example.com")


@pytest.fixture(params=SIZES)
def size(request):
    return SIZES[request.param]


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def state_of(page):
    """The one that is shown."""
    expect(page.locator('[data-state="checking"]')).to_be_hidden()
    shown = page.locator("[data-state]:visible")
    expect(shown).to_have_count(1)
    return shown


def subscribing(page, endpoint="https://push.example/laptop"):
    """Let the page find a push service that answers."""
    said = Reader.new().subscription(endpoint)
    page.add_init_script(SUBSCRIBE.replace("SAID", json.dumps(said)))
    return said


def answers(page, site, setting):
    """What the user says to the browser's question: granted or denied."""
    if setting == "granted":
        page.context.grant_permissions(["notifications"], origin=site)
        return
    own = page.context.new_cdp_session(page).send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    devtools = page.context.browser.new_browser_cdp_session()
    told = {"permission": {"name": "notifications"}, "setting": setting, "origin": site, "browserContextId": own}
    devtools.send("Browser.setPermission", told)  # as long as this session is there


def worker_ready(page):
    """`ready` comes while it is still being activated, when nothing can be pushed to it yet."""
    page.wait_for_function("() => navigator.serviceWorker.ready.then(({ active }) => active.state === 'activated')")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")


# The page -------------------------------------------------------------------------------------------------------------
def test_nothing_is_asked_before_the_click(browse, live_server, alice, size):
    page = browse(live_server.url, alice, size)
    page.add_init_script(
        "Notification.requestPermission = () => { window.asked = true; return Promise.resolve('default'); }"
    )
    page.goto("/alerts/browsers")
    expect(state_of(page)).to_contain_text("Notifications are off.")
    assert page.evaluate("window.asked") is None
    assert fits(page)
    page.get_by_role("button", name="Turn on").click()
    expect(state_of(page)).to_contain_text("Nothing was allowed yet")
    assert page.evaluate("window.asked") is True
    assert fits(page)


def test_a_browser_is_turned_on_and_off(browse, live_server, alice, size):
    page = browse(live_server.url, alice, size)
    answers(page, live_server.url, "granted")
    said = subscribing(page)
    page.goto("/alerts/browsers")
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#toasts")).to_contain_text("Notifications are on in Chrome on Linux")
    expect(state_of(page)).to_contain_text("This browser shows notifications.")
    row = page.locator(f'[data-browser="{browsers.fingerprint(said["endpoint"])}"]')
    expect(row).to_contain_text("This browser")
    expect(page.get_by_role("button", name="Send test")).to_be_visible()
    assert Browser.objects.get().secrets == said
    assert fits(page)
    assert page.evaluate(KEPT) == {"endpoint": said["endpoint"], "key": browsers.public_key()}

    page.get_by_role("button", name="Turn off").click()
    expect(state_of(page)).to_contain_text("Notifications are off.")
    assert not Browser.objects.exists()
    assert page.evaluate("localStorage.getItem('subscribed')") is None


def test_another_browser_is_removed_from_here(browse, live_server, alice):
    make_browser(alice, name="Safari on iPhone")
    page = browse(live_server.url, alice)
    page.goto("/alerts/browsers")
    expect(state_of(page)).to_contain_text("Notifications are off.")  # here
    page.get_by_role("button", name="Remove Safari on iPhone").click()
    expect(page.locator("#toasts")).to_contain_text("Safari on iPhone shows no notifications any more")
    expect(page.locator("#page")).to_contain_text("No browser of yours is told yet")


def test_a_browser_that_was_used_by_somebody_else_is_off_for_whoever_is_signed_in(browse, live_server, alice):
    page = browse(live_server.url, alice)
    answers(page, live_server.url, "granted")
    said = subscribing(page)
    browsers.turn_on(make_user("bob"), said, "Chrome on Linux")
    page.goto("/alerts/browsers")
    page.evaluate(f"localStorage.setItem('subscribed', JSON.stringify([...{list(range(65))}]))")
    page.reload()
    expect(state_of(page)).to_contain_text("Notifications are off.")
    page.get_by_role("button", name="Turn on").click()
    expect(state_of(page)).to_contain_text("This browser shows notifications.")
    assert Browser.objects.get().user == alice


def test_a_browser_that_refuses_says_the_way_out(browse, live_server, alice, size):
    page = browse(live_server.url, alice, size)
    answers(page, live_server.url, "denied")
    page.goto("/alerts/browsers")
    expect(state_of(page)).to_contain_text("Allow them in the site's settings")
    assert fits(page)


def test_without_its_push_service_the_browser_says_so(browse, live_server, alice, size):
    page = browse(live_server.url, alice, size)
    answers(page, live_server.url, "granted")
    page.add_init_script("PushManager.prototype.subscribe = () => Promise.reject(new Error('push service error'))")
    page.goto("/alerts/browsers")
    page.get_by_role("button", name="Turn on").click()
    expect(state_of(page)).to_contain_text("push service error")
    assert fits(page)
    assert not Browser.objects.exists()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("Object.defineProperty(window, 'isSecureContext', { value: false })", "This connection is not secure"),
        ("delete window.PushManager", "This browser cannot show notifications"),
        (
            "delete window.PushManager; Object.defineProperty(navigator, 'standalone', { value: false })",
            "First put Uptime on the Home Screen",
        ),
    ],
)
def test_what_a_browser_lacks_is_said(browse, live_server, alice, size, script, words):
    page = browse(live_server.url, alice, size)
    page.add_init_script(script)
    page.goto("/alerts/browsers")
    expect(state_of(page)).to_contain_text(words)
    assert fits(page)


def test_without_javascript_the_page_says_what_it_needs(browse, live_server, alice):
    make_browser(alice, name="Safari on iPhone")
    page = browse(live_server.url, alice, java_script_enabled=False)
    page.goto("/alerts/browsers")
    expect(page.get_by_text("needs JavaScript")).to_be_visible()
    page.get_by_role("button", name="Remove Safari on iPhone").click()
    expect(page.locator("#page")).to_contain_text("No browser of yours is told yet")


# The service worker ---------------------------------------------------------------------------------------------------
@pytest.fixture
def pushed(browse, live_server, alice):
    """A page with its service worker, and a function that delivers a push to it as a push service would."""
    page = browse(live_server.url, alice)
    answers(page, live_server.url, "granted")
    page.goto("/alerts/browsers")
    worker_ready(page)
    devtools = page.context.new_cdp_session(page)
    found = []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda said: found.extend(said["registrations"]))
    devtools.send("ServiceWorker.enable")
    registration = wait_until(lambda: page.wait_for_timeout(20) or (found and found[0]))

    def push(said):
        told = {"origin": live_server.url, "registrationId": registration["registrationId"]}

        def deliver():
            """Again and again, as a push service does: a worker that is just being started may miss one."""
            devtools.send("ServiceWorker.deliverPushMessage", {**told, "data": said})
            page.wait_for_timeout(500)
            return notifications(page)

        wait_until(deliver)

    return page, push


def notifications(page):
    script = """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(
        ({ title, body, tag, icon, badge, data, requireInteraction }) =>
          ({ title, body, tag, icon, badge, data, requireInteraction }))"""
    return page.evaluate(script)


def message(incident, **more):
    """What the channel sends of it."""
    url = f"https://uptime.example/incidents/{incident.pk}"
    said = make_message(url=url, subject=make_subject(id=incident.pk), **more)
    return compact(document(said, {"stay": True})).decode()


def test_a_push_shows_a_notification_and_what_follows_replaces_it(pushed, alice, live_server):
    page, push = pushed
    incident = make_incident(make_monitor(team_of(alice), name="Shop"))
    push(message(incident, acknowledge_url="https://uptime.example/a/1"))
    (shown,) = notifications(page)
    assert shown["title"] == "🔴 Shop is down"
    assert shown["body"].startswith("Answered 500. Down since")
    assert shown["requireInteraction"] is True
    assert shown["data"] == {
        "": f"https://uptime.example/incidents/{incident.pk}",
        "acknowledge": "https://uptime.example/a/1",
    }
    for picture in (shown["icon"], shown["badge"]):
        assert page.request.get(picture).headers["content-type"] == "image/png"
    push(message(incident, event=Event.UP, title="Shop is up again"))
    wait_until(lambda: [each["title"] for each in notifications(page)] == ["🟢 Shop is up again"])


@pytest.mark.parametrize("said", ["", "not json", "{}", '{"notification": null}'])
def test_a_push_that_cannot_be_read_still_shows_something(pushed, said):
    page, push = pushed
    push(said)
    assert [each["title"] for each in notifications(page)] == ["Uptime"]


def clicked(page, action=""):
    """Click the notification, as the system's notification centre tells the browser."""
    script = """async (action) => {
        const [notification] = await self.registration.getNotifications();
        self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
    }"""
    page.context.service_workers[0].evaluate(script, action)


def test_a_click_opens_the_incident_or_brings_its_tab_to_the_front(pushed, alice, live_server):
    page, push = pushed
    incident = make_incident(make_monitor(team_of(alice), name="Shop"))
    push(message(incident))
    calls = """() => {
        self.calls = [];
        self.clients.openWindow = async (url) => self.calls.push(["open", url]);
        WindowClient.prototype.focus = async function () { self.calls.push(["focus", this.url]); };
    }"""
    worker = page.context.service_workers[0]
    worker.evaluate(calls)
    here = f"{live_server.url}/incidents/{incident.pk}"
    clicked(page)
    wait_until(lambda: worker.evaluate("self.calls") == [["open", here]])
    assert notifications(page) == []  # a click closes it

    page.goto(f"/incidents/{incident.pk}#timeline")
    push(message(incident))
    clicked(page)
    wait_until(lambda: worker.evaluate("self.calls")[1:] == [["focus", f"{here}#timeline"]])


def test_a_button_of_a_notification_leads_where_it_says(pushed, alice, live_server):
    page, push = pushed
    incident = make_incident(make_monitor(team_of(alice), name="Shop"))
    there = f"/incidents/acknowledge/{'x' * 20}?a=1"
    push(message(incident, acknowledge_url=f"https://uptime.example{there}"))
    worker = page.context.service_workers[0]
    worker.evaluate("() => { self.calls = []; self.clients.openWindow = async (url) => self.calls.push(url); }")
    clicked(page, "acknowledge")
    wait_until(lambda: worker.evaluate("self.calls") == [f"{live_server.url}{there}"])


def test_a_new_address_is_told_to_the_server(pushed, alice):
    """Where the browser says which one it had, and where it says nothing."""
    page, _ = pushed
    old, new, newest = (Reader.new().subscription(f"https://push.example/{name}") for name in "abc")
    browsers.turn_on(alice, old, "Chrome on Linux")
    worker = page.context.service_workers[0]
    change = """(said) => {
        const event = new ExtendableEvent("pushsubscriptionchange");
        const { endpoint, p256dh, auth } = said.fresh;
        const fresh = { endpoint, toJSON: () => ({ endpoint, keys: { p256dh, auth } }) };
        event.newSubscription = fresh;
        if (said.old) event.oldSubscription = { endpoint: said.old, options: {} };
        self.dispatchEvent(event);
    }"""
    worker.evaluate(change, {"fresh": new, "old": old["endpoint"]})
    wait_until(lambda: alice.browsers.get().secrets == new)
    wait_until(lambda: (page.evaluate(KEPT) or {}).get("endpoint") == new["endpoint"])
    worker.evaluate(change, {"fresh": newest})
    wait_until(lambda: alice.browsers.get().secrets == newest)


# The app --------------------------------------------------------------------------------------------------------------
def test_the_browser_finds_nothing_that_keeps_it_from_being_installed(browse, live_server, alice):
    page = browse(live_server.url, alice)
    page.goto("/")
    worker_ready(page)
    devtools = page.context.new_cdp_session(page)
    found = devtools.send("Page.getAppManifest")
    assert found["errors"] == []
    assert found["url"] == f"{live_server.url}/manifest.webmanifest"
    errors = [each["errorId"] for each in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [each for each in errors if each != "in-incognito"] == []  # every context of these tests is private
    assert devtools.send("Page.getAppId")["appId"] == f"{live_server.url}/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_a_connection_there_is_a_page_that_says_so(browse, live_server, alice, size, scheme):
    page = browse(live_server.url, alice, size, color_scheme=scheme)
    page.goto("/")
    worker_ready(page)
    page.evaluate("caches.match('/offline').then((kept) => { if (!kept) throw new Error('not kept'); })")
    page.context.set_offline(True)
    page.goto("/incidents")
    expect(page.get_by_role("heading", name="No connection to Uptime")).to_be_visible()
    assert fits(page)
    drawn = page.evaluate("getComputedStyle(document.querySelector('.btn-primary')).backgroundColor")
    assert drawn != "rgba(0, 0, 0, 0)"
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Incidents", exact=True)).to_be_visible()
