// What changes between any two releases, in words.
"use strict";

(async () => {
  const form = document.getElementById("choice");
  const [from, to, sheet] = ["from", "to", "sheet"].map((name) => form.elements[name]);
  const net = document.getElementById("net");
  const answer = document.getElementById("answer");
  const labels = new Map(site.data.releases.map((one) => [one.name, one.label]));
  const pages = new Map(site.data.releases.map((one) => [one.name, one.page]));

  const number = () => (sheet ? sheet.value : document.querySelector("[data-sheet]")?.dataset.sheet);

  function words(facet, cell) {
    if (cell === 0) return "no change";
    const [sign, amount, bounds] = cell;
    if (sign === 0) return `too few rounds to judge (${amount})`;
    const much = amount.replace(/^[+−]/, "").replace(/^÷(.*)/, "$1×");
    const word = sign > 0 ? facet.worse : facet.better;
    return `${much} ${word}${bounds ? ` (interval of the ratio ${bounds})` : ""}`;
  }

  const sign = (cell) => (cell ? ["better", "unclear", "worse"][cell[0] + 1] : "same");

  function line(facet, cell, companions) {
    const format = facet.format ? `, format ${facet.format}` : "";
    const item = site.make("li", { class: `line ${sign(cell)}` },
      site.make("span", { class: "doing" }, `${facet.doing}${format}`),
      site.make("strong", {}, words(facet, cell)));
    const moved = companions.filter(([, one]) => one);
    if (moved.length) {
      item.append(site.make("small", {}, moved.map(([own, one]) => words(own, one)).join(", ")));
    } else if (companions.length && cell && cell[0]) {
      item.append(site.make("small", {}, "requests, calls and memory are the same"));
    }
    return item;
  }

  async function show() {
    const pairs = await site.load(`pairs-${number()}`);
    document.querySelectorAll("p[data-sheet]").forEach((one) => { one.hidden = one.dataset.sheet !== number(); });
    if (from.options.length === 0) {
      const choices = pairs.revisions.map((name) => [name, labels.get(name)]).reverse();
      const state = site.state();
      const known = (name, fallback) => (pairs.revisions.includes(name) ? name : fallback);
      site.options(from, choices, known(state.get("from"), pairs.last2 || pairs.revisions[0]));
      site.options(to, choices, known(state.get("to"), pairs.newest || pairs.revisions.at(-1)));
    }
    const [before, after] = [from, to].map((one) => pairs.revisions.indexOf(one.value));
    const at = (facet) => pairs.table[facet.key][before][after];
    const count = { worse: 0, better: 0, same: 0, unclear: 0, absent: [] };
    const lines = [];
    for (const facet of pairs.facets.filter((one) => !one.companion || one.metric === "time")) {
      const cell = at(facet);
      if (cell == null) {
        if (facet.metric === "time") count.absent.push(facet);
        continue;
      }
      const companions = facet.metric !== "time" ? [] : pairs.facets
        .filter((one) => one.companion && one.key !== facet.key && one.format === facet.format
          && one.aspect === `${facet.aspect}-${one.metric}`)
        .map((one) => [one, at(one)]).filter(([, one]) => one != null);
      count[sign(cell)] += 1;
      lines.push([facet, line(facet, cell, companions)]);
    }
    const group = (title, chosen) => chosen.length
      ? [site.make("h2", {}, title), site.make("ul", { class: "lines" }, ...chosen.map(([, one]) => one))] : [];
    const timed = (facet) => facet.metric === "time";
    answer.replaceChildren(
      ...group("What you wait for", lines.filter(([facet]) => timed(facet))),
      ...group("What it costs", lines.filter(([facet]) => !timed(facet))));
    const absent = [...new Set(count.absent.filter((one) => one.format).map((one) => one.format))]
      .filter((format) => !lines.some(([facet]) => facet.format === format));
    const link = (name) => site.make("a", { href: site.root + pages.get(name) }, labels.get(name));
    net.replaceChildren("From ", link(from.value), " to ", link(to.value), ": ",
      `${count.worse} of ${lines.length} get worse, ${count.better} better, ${count.same} stay the same`,
      count.unclear ? `, ${count.unclear} were measured in too few rounds to judge.` : ".",
      ...absent.map((format) => ` Format ${format} cannot be compared: not both have it.`));
    site.keep({ from: from.value, to: to.value, ...(sheet && { sheet: sheet.value }) });
  }

  if (sheet && site.state().get("sheet")) sheet.value = site.state().get("sheet");
  if (number() === undefined) {
    net.textContent = "Nothing was measured yet.";
    return;
  }
  form.addEventListener("change", (event) => {
    if (event.target === sheet) from.replaceChildren();
    show();
  });
  await show();
})();
