// What changes between any two releases, in words.
"use strict";

(async () => {
  const form = document.getElementById("choice");
  const [from, to, sheet] = ["from", "to", "sheet"].map((name) => form.elements[name]);
  const net = document.getElementById("net");
  const answer = document.getElementById("answer");
  const releases = new Map(site.data.releases.map((one) => [one.name, one]));
  let replaced = "";  // what the address names and cannot be compared

  const number = () => (sheet ? sheet.value : document.querySelector("[data-sheet]")?.dataset.sheet);
  const isTime = ({ facet }) => facet.metric === "time";
  const named = ({ doing, format }) => (format ? `${doing}, format ${format}` : doing);

  // A cell is null where it was not measured, 0 where nothing changed, else what scripts.py writes.
  function judged(cell, smallest) {
    if (!cell || (cell[0] && Math.abs(Math.log(cell[3])) <= Math.log(1 + smallest))) return "same";
    return ["better", "unclear", "worse"][cell[0] + 1];
  }

  const unsigned = (amount) => amount.replace(/^[+−]/, "").replace(/^÷(.*)/, "$1×");

  function words(facet, cell) {
    if (cell === 0) return "no change";
    const [worse, amount] = cell;
    if (worse === 0) return `too few rounds to judge (${amount})`;
    return `${unsigned(amount)} ${worse > 0 ? facet.worse : facet.better}`;
  }

  function duration(seconds) {
    const [factor, unit] = seconds < 1e-3 ? [1e6, "µs"] : seconds < 1 ? [1e3, "ms"] : [1, "s"];
    return `${Number((seconds * factor).toPrecision(3))} ${unit}`;
  }

  // How sure a time is, and how long it is: a large ratio of a short time may not matter.
  function detail(cell) {
    if (!cell || !cell[0] || !cell[2]) return "";
    const [worse, , bounds, ratio, before] = cell;
    const ends = bounds.split(" to ").map(unsigned);
    if (worse < 0) ends.reverse();
    return ` (${ends.join(" to ")}), from ${duration(before)} to ${duration(before * ratio)}`;
  }

  // The newest releases come first; the choice is that of the address, or the last 2.x and the newest.
  function offer(pairs) {
    const choices = pairs.revisions.map((name) => {
      const { label, alongside } = releases.get(name);
      return [name, alongside ? `${label}, with ${alongside}` : label];
    }).reverse();
    const state = site.state();
    site.options(from, choices, pairs.last2 || pairs.revisions[0]);
    site.options(to, choices, pairs.newest || pairs.revisions.at(-1));
    for (const select of [from, to]) {
      const name = state.get(select.name);
      site.choose(select, name);
      if (name && select.value !== name) replaced += instead(name, select);
    }
  }

  function instead(name, select) {
    const why = releases.has(name) ? `${releases.get(name).label} was not measured on this machine and tomogram` : `There is no release “${name}”`;
    const other = releases.get(select.value);
    return other ? `${why}: ${other.label} is taken instead. ` : `${why}. `;
  }

  // What both releases have, each time with the counts that explain it.
  function compared(pairs) {
    const [before, after] = [from, to].map((one) => pairs.revisions.indexOf(one.value));
    const all = pairs.facets.map((facet) => ({ facet, cell: pairs.table[facet.key][before][after] }));
    const explains = (one, { facet }) => one.facet.companion && one.facet.format === facet.format
      && one.facet.aspect === `${facet.aspect}-${one.facet.metric}`;
    return all.filter((one) => isTime(one) || !one.facet.companion).map((one) => ({
      ...one,
      sign: judged(one.cell, pairs.smallest),
      companions: all.filter((other) => isTime(one) && explains(other, one) && other.cell != null),
    }));
  }

  function line({ facet, cell, sign, companions }) {
    const item = site.make("li", { class: `line ${sign}` },
      site.make("span", { class: "doing" }, named(facet)),
      site.make("strong", {}, words(facet, cell), site.make("span", { class: "quiet" }, detail(cell))));
    const moved = companions.filter((one) => one.cell);
    if (moved.length) {
      item.append(site.make("small", {}, moved.map((one) => words(one.facet, one.cell)).join(", ")));
    } else if (companions.length && cell && cell[0]) {
      item.append(site.make("small", {}, `the same ${companions.map((one) => one.facet.metric).join(", ")}`));
    }
    return item;
  }

  function group(title, lines) {
    if (!lines.length) return [];
    return [site.make("h2", {}, title), site.make("ul", { class: "lines" }, ...lines.map(line))];
  }

  function largest(title, lines) {
    const size = ({ cell }) => Math.abs(Math.log(cell[3]));
    const [most] = [...lines].sort((one, other) => size(other) - size(one));
    return most ? ` ${title}: ${named(most.facet)} (${words(most.facet, most.cell)}).` : "";
  }

  function summary(lines, missing, smallest) {
    const { worse = [], better = [], same = [], unclear = [] } = Object.groupBy(lines, ({ sign }) => sign);
    const link = (name) => site.make("a", { href: site.root + releases.get(name).page }, releases.get(name).label);
    const formats = new Set(missing.filter(isTime).map(({ facet }) => facet.format).filter(Boolean));
    lines.forEach(({ facet }) => formats.delete(facet.format));
    const lacking = missing.filter(({ facet }) => !formats.has(facet.format)).map(({ facet }) => named(facet));
    return ["From ", link(from.value), " to ", link(to.value), ": ",
      `${worse.length} worse, ${better.length} better, ${same.length} within ${100 * smallest}\u00a0%`,
      unclear.length ? `, ${unclear.length} measured in too few rounds to judge.` : ".",
      largest("Largest loss", worse), largest("Largest gain", better),
      ...[...formats].map((format) => ` Format ${format} cannot be compared: not both have it.`),
      lacking.length ? ` Not available or not measured in one of them: ${lacking.join("; ")}.` : ""];
  }

  async function show() {
    const pairs = await site.load(`pairs-${number()}`);
    document.querySelectorAll("p[data-sheet]").forEach((one) => { one.hidden = one.dataset.sheet !== number(); });
    if (from.options.length === 0) offer(pairs);
    site.keep({ from: from.value, to: to.value, ...(sheet && { sheet: sheet.value }) });
    if (from.value === to.value) {
      answer.replaceChildren();
      net.textContent = `${replaced}Both are the same release: there is nothing to compare.`;
      return;
    }
    const all = compared(pairs);
    const lines = all.filter(({ cell }) => cell != null);
    answer.replaceChildren(
      ...group("What you wait for", lines.filter(isTime)),
      ...group("What it costs", lines.filter((one) => !isTime(one))));
    net.replaceChildren(replaced, ...summary(lines, all.filter(({ cell }) => cell == null), pairs.smallest));
  }

  if (sheet) site.choose(sheet, site.state().get("sheet"));
  if (number() === undefined) {
    net.textContent = "Nothing has been measured yet.";
    return;
  }
  form.addEventListener("change", (event) => {
    if (event.target === sheet) from.replaceChildren();
    replaced = "";
    show();
  });
  await show();
})();
