// Notifications of this browser: what state they are in, and turning them on and off. The browser is asked on a click
// only. The server lists browsers by the SHA-256 of their addresses, so that a page does not give the addresses away.
(() => {
  "use strict";
  const card = document.getElementById("this-browser");
  const form = document.getElementById("browser-form");
  const STATE = "uptime-push"; // where the service worker finds its old address: see service-worker.js
  const PLACE = "/push-subscription";

  const show = (state, reason) => {
    for (const each of card.querySelectorAll("[data-state]")) each.hidden = each.dataset.state !== state;
    if (reason) card.querySelector("[data-reason]").textContent = reason;
  };

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const key = bytes(card.dataset.publicKey);
  const isOurs = (subscription) => {
    const given = subscription.options.applicationServerKey;
    return given && new Uint8Array(given).every((byte, at) => byte === key[at]);
  };
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const rowOf = async (subscription) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(subscription.endpoint));
    return document.querySelector(`[data-browser="${hex(digest)}"]`);
  };

  const missing = () => {
    if (!window.isSecureContext) return "insecure";
    if ("serviceWorker" in navigator && "PushManager" in window && "Notification" in window) return "";
    return navigator.standalone === false ? "install" : "unsupported"; // only iOS has it, and false is in the browser
  };
  const current = async () => (await navigator.serviceWorker.ready).pushManager.getSubscription();

  const look = async () => {
    const lacking = missing();
    if (lacking) return show(lacking);
    if (Notification.permission === "denied") return show("refused");
    const subscription = await current();
    const row = subscription && isOurs(subscription) && (await rowOf(subscription));
    if (row) row.querySelector("[data-here]").hidden = false;
    show(row ? "on" : "off");
  };

  const turnOn = async () => {
    const permission = await Notification.requestPermission();
    if (permission !== "granted") return show(permission === "denied" ? "refused" : "dismissed");
    const { pushManager } = await navigator.serviceWorker.ready;
    const before = await pushManager.getSubscription();
    if (before && !isOurs(before)) await before.unsubscribe();
    const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint, keys } = subscription.toJSON();
    const state = { endpoint, key: card.dataset.publicKey };
    await (await caches.open(STATE)).put(PLACE, new Response(JSON.stringify(state)));
    for (const [name, value] of Object.entries({ endpoint, ...keys })) if (form.elements[name]) form.elements[name].value = value;
    form.submit();
  };

  const turnOff = async () => {
    const subscription = await current();
    const row = await rowOf(subscription);
    await subscription.unsubscribe();
    row.querySelector("form").submit();
  };

  card.addEventListener("click", (event) => {
    const button = event.target.closest("[data-turn]");
    if (!button) return;
    button.disabled = true; // until it is done: a second click would ask twice
    const act = button.dataset.turn === "on" ? turnOn : turnOff;
    act()
      .catch((error) => show("failed", error.message))
      .finally(() => (button.disabled = false));
  });
  // Removing this browser by its row leaves nothing behind in the browser either.
  document.addEventListener("submit", (event) => {
    const row = event.target.closest("[data-browser]");
    if (row && !row.querySelector("[data-here]").hidden) current().then((subscription) => subscription?.unsubscribe());
  });
  look().catch((error) => show("failed", error.message));
})();
