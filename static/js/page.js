// Small comforts; every one of them has a link or a form behind it that works without them.
(() => {
  "use strict";
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");

  // Links with data-dialog open the dialog of that id instead of the page they lead to.
  const openDialog = (link) => {
    const dialog = document.getElementById(link.dataset.dialog);
    if (!dialog?.showModal) return false;
    if (!dialog.open) dialog.showModal();
    return true;
  };
  document.addEventListener("click", (event) => {
    const { target } = event;
    const link = target.closest("[data-dialog]");
    if (link && !event.ctrlKey && !event.metaKey && openDialog(link)) event.preventDefault();
    if (target.closest("[data-close]")) target.closest("dialog")?.close();
    if (target.matches("dialog")) target.close(); // a click beside it: on its backdrop
    if (target.closest("[data-dismiss]")) target.closest("[data-toast]").remove();
    const copy = target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => copied(copy));
    // Later, because closing takes the focus, and a form must still know which button sent it.
    if (target.closest(".menu-item")) setTimeout(() => target.closest("[popover]")?.hidePopover(), 0);
  });
  const copied = (button) => {
    const label = button.querySelector("[data-copied]") ?? button;
    const before = label.textContent;
    label.textContent = "Copied";
    setTimeout(() => (label.textContent = before), 1500);
  };

  // Keys: an element's data-key focuses or follows it, "/" and "n" on the list.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const element = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!element) return;
    event.preventDefault();
    if (element.matches("input")) element.focus();
    else element.click();
  });

  // "Select all" ticks every box of the same name.
  const boxes = (all) => [...document.querySelectorAll(`input[name="${CSS.escape(all.dataset.all)}"]`)];
  const summarise = () => {
    for (const all of document.querySelectorAll("[data-all]")) {
      const ticked = boxes(all).filter((box) => box.checked).length;
      all.checked = ticked > 0 && ticked === boxes(all).length;
      all.indeterminate = ticked > 0 && !all.checked;
      for (const each of document.querySelectorAll("[data-selected]")) each.textContent = ticked;
    }
  };
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-all]")) for (const box of boxes(target)) box.checked = target.checked;
    summarise();
  });

  // What only works with this script is shown by it; toasts leave by themselves unless they offer something.
  const arrange = () => {
    for (const each of document.querySelectorAll("[data-dismiss][hidden], [data-script][hidden]")) each.hidden = false;
    for (const toast of document.querySelectorAll("[data-toast]:not([data-timed])")) {
      toast.dataset.timed = "";
      if (!toast.querySelector(".text-down")) setTimeout(() => toast.remove(), toast.querySelector("form") ? 15000 : 6000);
    }
    summarise();
  };
  document.addEventListener("htmx:afterSettle", arrange);
  arrange();

  // A request that failed says so, once; polling simply goes on.
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.requestConfig.verb === "get") return;
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.dataset.toast = "";
    toast.textContent = `That did not work (${event.detail.xhr.status}). Reload the page and try again.`;
    document.getElementById("toasts")?.append(toast);
    arrange();
  });
})();
