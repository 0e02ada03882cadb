// Fields that belong to a choice are shown only with it: data-when="auth=basic". Without this script all are shown.
// What stands beside a member of a list (.member) is hidden alone, without its field.
(() => {
  "use strict";
  const arrange = () => {
    for (const each of document.querySelectorAll("[data-when]")) {
      const [name, value] = each.dataset.when.split("=");
      const choice = each.form?.elements[name];
      const whole = each.closest(".member") ? each : each.closest(".field");
      if (choice) whole.hidden = choice.value !== value && each.getAttribute("aria-invalid") !== "true";
    }
  };
  document.addEventListener("change", arrange);
  document.addEventListener("htmx:afterSettle", arrange);
  arrange();
})();
