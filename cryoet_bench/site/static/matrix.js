// The overview against another release than the one before.
"use strict";

(() => {
  const form = document.getElementById("against");
  const note = document.getElementById("against-note");
  const [against, release, sheet] = ["against", "release", "sheet"].map((name) => form.elements[name]);
  const panels = [...document.querySelectorAll(".matrix[data-sheet]")];
  for (const row of document.querySelectorAll(".matrix tbody tr")) {
    row.first = [...row.children].slice(1);
  }

  function panel() {
    const number = sheet ? sheet.value : panels[0].dataset.sheet;
    panels.forEach((one) => { one.hidden = one.dataset.sheet !== number; });
    return panels.find((one) => !one.hidden);
  }

  function filled(cell, own, other, interval) {
    if (cell == null) return site.make("td", { class: "none" }, site.make("span", { "aria-label": "not measured" }, "–"));
    if (own === other) return site.make("td", { class: "self" }, site.make("span", { "aria-label": "the same release" }, "="));
    if (cell === 0 || cell[0] === 0) return site.make("td", { class: "same" }, site.make("span", { "aria-label": "no change" }, "·"));
    const [sign, amount, bounds] = cell;
    const title = bounds ? `${interval}: ${bounds}` : "exact";
    return site.make("td", { class: sign > 0 ? "worse" : "better", title }, amount);
  }

  async function show() {
    const shown = panel();
    const rows = [...shown.querySelectorAll("tbody tr")];
    release.parentElement.hidden = against.value !== "";
    const kept = sheet && sheet.selectedIndex > 0 ? { sheet: sheet.value } : {};
    if (against.value === "before") {
      rows.forEach((row) => row.replaceChildren(row.firstElementChild, ...row.first));
      note.textContent = "";
      site.keep(kept);
      return;
    }
    const pairs = await site.load(`pairs-${shown.dataset.sheet}`);
    const labels = new Map(site.data.releases.map((one) => [one.name, one.label]));
    if (release.options.length === 0) {
      site.options(release, pairs.revisions.map((name) => [name, labels.get(name)]).reverse(), site.state().get("release") || pairs.newest);
    }
    const interval = `${100 * pairs.confidence}\u00a0% interval`;
    const facets = [...shown.querySelectorAll("th[data-facet]")].map((one) => one.dataset.facet);
    const known = new Map(pairs.facets.map((one) => [one.key, one]));
    const other = against.value === "last2" ? pairs.last2 : release.value;
    for (const row of rows) {
      const own = pairs.revisions.indexOf(row.dataset.release);
      if (row.classList.contains("broken")) continue;
      const cells = facets.map((key) => {
        const base = against.value === "best" ? known.get(key).best : pairs.revisions.indexOf(other);
        const cell = own < 0 || base < 0 || base == null ? null : pairs.table[key][base][own];
        return filled(cell, own, base, interval);
      });
      row.replaceChildren(row.firstElementChild, ...cells);
    }
    const what = against.value === "best" ? "Each column against its best release, marked =."
      : labels.has(other) ? `Every release against ${labels.get(other)}.` : "No such release was measured.";
    note.textContent = `${what} A time counts where its ${interval} lies wholly on one side and the change is ${100 * pairs.smallest}\u00a0% at least.`;
    site.keep({ ...(against.value ? { against: against.value } : { release: other }), ...kept });
  }

  const state = site.state();
  if (state.get("release")) against.value = "";
  else if (state.get("against")) against.value = state.get("against");
  if (sheet && state.get("sheet")) sheet.value = state.get("sheet");
  form.hidden = false;
  form.addEventListener("change", (event) => {
    if (event.target === sheet) release.replaceChildren();
    show();
  });
  if (["against", "release", "sheet"].some((name) => state.has(name))) show();
})();
