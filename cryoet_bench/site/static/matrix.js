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

  // A sign, and what is read aloud for it.
  function signed(name, sign, meaning) {
    return site.make("td", { class: name, title: meaning },
      site.make("span", { "aria-hidden": "true" }, sign), site.make("span", { class: "hidden-text" }, meaning));
  }

  function filled(cell, own, other, interval) {
    if (cell == null) return signed("none", "–", "not measured");
    if (own === other) return signed("self", "=", "the same release");
    if (cell === 0) return signed("same", "·", "no change");
    if (cell[0] === 0) return signed("unclear", "?", "too few rounds to tell");
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
      site.options(release, pairs.revisions.map((name) => [name, labels.get(name)]).reverse(), pairs.newest);
      site.choose(release, site.state().get("release"));
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
  else site.choose(against, state.get("against"));
  if (sheet) site.choose(sheet, state.get("sheet"));
  form.hidden = false;
  form.addEventListener("change", (event) => {
    if (event.target === sheet) release.replaceChildren();
    show();
  });
  if (["against", "release", "sheet"].some((name) => state.has(name))) show();
})();
