{% load static %}// Runs beside the pages, and without them: shows notifications, and a page of its own when the server cannot be
// reached. It keeps nothing else: what was seen before is not shown as if it were now.
"use strict";
const OFFLINE = "{% url "offline" %}";
const SHELL = "uptime-offline-{{ release }}";
const ASSETS = [{% for path in assets %}"{% static path %}", {% endfor %}];
const STATE = "uptime-push"; // what this browser is subscribed with: only its own address and our key
const PLACE = "/push-subscription";
const RENEW = "{% url "alerts:browser_renew" %}";
const ICON = "{% static "img/app-192.png" %}";
const BADGE = "{% static "img/app-badge-96.png" %}";

self.addEventListener("install", (event) => {
  const keep = async () => (await caches.open(SHELL)).addAll([OFFLINE, ...ASSETS].map((url) => new Request(url, { cache: "reload" })));
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const clear = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith("uptime-offline-") && name !== SHELL);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(clear());
});

// Pages come from the server or not at all; only then is there the page that says so, with what it is drawn with.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const page = request.mode === "navigate" && request.destination === "document";
  const path = new URL(request.url).pathname;
  if (page) event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  else if (ASSETS.includes(path)) event.respondWith(fetch(request).catch(() => caches.match(path)));
});

// Notifications -------------------------------------------------------------------------------------------------------
self.addEventListener("push", (event) => {
  event.waitUntil(show(read(event.data)));
});

// Something is shown for every push: a browser takes the permission away from who shows nothing.
const NEWS = { title: "Uptime", body: "There is something new.", navigate: "/incidents" };
const read = (data) => {
  try {
    return data.json().notification ?? NEWS;
  } catch {
    return NEWS;
  }
};

const show = ({ title, navigate, actions = [], ...more }) => {
  const places = Object.fromEntries(actions.map((each) => [each.action, each.navigate]));
  const buttons = actions.map(({ action, title: words }) => ({ action, title: words }));
  const options = { ...more, icon: ICON, badge: BADGE, actions: buttons, data: { ...places, "": navigate } };
  return self.registration.showNotification(title, { ...options, renotify: Boolean(more.tag && more.renotify) });
};

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { data } = event.notification;
  event.waitUntil(open(data[event.action] ?? data[""]));
});

// Where one is signed in: the site may have other names than the one it sends. A tab that shows it already comes to the
// front; one that shows something else is left alone, since something may be typed there.
const open = async (url) => {
  const { pathname, search } = new URL(url, self.location.origin);
  const wanted = new URL(pathname + search, self.location.origin).href;
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = tabs.find((tab) => tab.url.split("#")[0] === wanted);
  return there ? there.focus() : self.clients.openWindow(wanted);
};

// The push service has given this browser another address: the server is told, which knows it by the old one.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event));
});

const renew = async ({ oldSubscription, newSubscription }) => {
  const state = await caches.open(STATE);
  const known = await (await state.match(PLACE))?.json();
  const old = oldSubscription?.endpoint ?? known?.endpoint;
  const key = oldSubscription?.options.applicationServerKey ?? known?.key;
  if (!old || !(newSubscription || key)) return;
  const fresh = newSubscription ?? (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  const { endpoint, keys } = fresh.toJSON();
  const headers = { "Content-Type": "application/json" };
  await fetch(RENEW, { method: "POST", headers, body: JSON.stringify({ old, endpoint, ...keys }) });
  await state.put(PLACE, new Response(JSON.stringify({ ...known, endpoint })));
};
