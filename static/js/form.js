// Fields that belong to a choice are shown only with it: data-when="auth=basic". Without this script all are shown.
(() => {
  "use strict";
  const arrange = () => {
    for (const each of document.querySelectorAll("[data-when]")) {
      const [name, value] = each.dataset.when.split("=");
      const choice = each.form?.elements[name];
      if (choice) each.closest(".field").hidden = choice.value !== value && each.getAttribute("aria-invalid") !== "true";
    }
  };
  document.addEventListener("change", arrange);
  document.addEventListener("htmx:afterSettle", arrange);
  arrange();
})();
