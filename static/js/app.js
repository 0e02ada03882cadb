// The service worker that shows notifications, and the page for when there is no connection. Nothing is asked for here.
(() => {
  "use strict";
  const { worker } = document.currentScript.dataset;
  navigator.serviceWorker?.register(worker, { scope: "/" }).catch(() => {}); // without it all pages work as they are
})();
