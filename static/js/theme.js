// The theme form works without this; here the choice shows at once, without loading the page again.
(() => {
  "use strict";
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-theme-form]");
    const button = event.submitter;
    if (!form || !button) return;
    event.preventDefault();
    const root = document.documentElement;
    if (button.value === "auto") root.removeAttribute("data-theme");
    else root.dataset.theme = button.value;
    for (const each of form.querySelectorAll("button")) each.setAttribute("aria-pressed", each === button);
    fetch(form.action, { method: "POST", body: new FormData(form, button), redirect: "manual" });
    document.dispatchEvent(new CustomEvent("themechange"));
  });
})();
