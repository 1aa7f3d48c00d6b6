// The history of a question: chosen by name, drawn by Vega, with its table and its state in the address.
"use strict";

(() => {
  const holder = document.getElementById("history");
  const form = holder.querySelector(".chooser");
  const table = document.getElementById("table");
  const releases = site.data.releases;
  const question = site.data[holder.dataset.question];
  const companion = site.data[holder.dataset.companion];
  const fixed = JSON.parse(holder.dataset.fixed || "{}");
  const few = Number(holder.dataset.few);
  const colours = 8;
  const most = 16;
  const titles = { pattern: "Access", what: "Opened", dtype: "Voxel type", way: "Latency" };
  const drawn = new Map();

  const state = site.state();
  let sheet = question.sheets.find((one) => String(one.number) === state.get("sheet")) || question.sheets[0];
  let chosen = choice(Object.fromEntries([...state].map(([axis, text]) => [axis, text.split(";")])));
  const known = (key, values) => (values.includes(state.get(key)) ? state.get(key) : values[0]);
  const view = { x: known("x", ["release", "date"]), y: known("y", ["", "linear", "log"]) };

  // What is wanted along each axis, as far as this sheet has it.
  function choice(wanted) {
    const own = {};
    for (const [axis, values] of Object.entries(sheet.axes)) {
      const named = (wanted[axis] ?? []).filter((one) => values.includes(one));
      own[axis] = named.length ? named : sheet.chosen[axis] || values.slice(0, 1);
    }
    return own;
  }

  const title = (axis) => titles[axis] || axis[0].toUpperCase() + axis.slice(1).replaceAll("-", " ");
  const names = new Map([question, companion].flatMap((one) => one?.sheets ?? []).flatMap((one) => Object.entries(one.plain)));
  const plain = (value) => names.get(value) ?? value;
  const name = (place) => Object.values(place).map(plain).join(", ") || question.title;
  const without = (place) => Object.entries(place).filter(([axis]) => axis !== "format").map(([, value]) => value).join(", ");

  function matching(found, wanted) {
    return found.series.filter((one) =>
      Object.entries(one.place).every(([axis, value]) => !wanted[axis] || wanted[axis].includes(value)));
  }

  // Series differ by colour, formats by dash.
  function styled(series) {
    const groups = [...new Set(series.map((one) => without(one.place)))];
    const formats = [...new Set(series.map((one) => one.place.format))].filter(Boolean).sort().reverse();
    return series.map((one) => ({
      series: one,
      name: name(one.place),
      colour: `var(--s${groups.indexOf(without(one.place)) % colours})`,
      dash: formats.length > 1 && one.place.format === formats.at(-1) ? 1 : 0,
    }));
  }

  // How many releases of a line lie between two.
  function between(from, at) {
    let count = 0;
    for (let one = releases[at].before; one != null && one !== from; one = releases[one].before) count += 1;
    return count;
  }

  function rows(styles, positions) {
    const found = [];
    for (const { series, name: label, colour, dash } of styles) {
      const add = ([at, value, low, high, words, rounds], path) => found.push({
        position: positions.get(at), date: Date.parse(releases[at].date), value, low: low ?? value, high: high ?? value,
        series: label, text: [label, `${releases[at].label}, ${releases[at].date}`, words, rounds].filter(Boolean),
        path: `${label}/${path}`, colour, dash,
      });
      const valued = new Map(series.points.filter(([, value]) => value != null).map((point) => [point[0], point]));
      const ends = new Map();
      for (const [at, point] of valued) {
        const { line: own, before, candidate } = releases[at];
        const line = candidate ? `candidate ${at}` : own;
        const end = ends.get(line);
        // No line is drawn across many releases without a value: nothing is known of them.
        const stretch = end ? end.stretch + Number(between(end.at, at) > few) : 0;
        // A candidate leaves the release that it stands on, and a maintenance line the one that its first follows.
        const fork = !end && line !== "main" && valued.get(before);
        if (fork) add(fork, `${line}/0`);
        ends.set(line, { at, stretch });
        add(point, `${line}/${stretch}`);
      }
    }
    return found;
  }

  // The compiled chart with its data put in; it is logarithmic where values span much.
  function charted(styles, found, notes, width) {
    const roomy = view.x === "release" && width > 700;
    const points = styles.flatMap(({ series }) => series.points);
    const valued = points.filter(([, value]) => value != null).map(([at]) => at);
    const [first, last] = [Math.min(...valued), Math.max(...valued)];
    const used = [...new Set(points.map(([at]) => at))].filter((at) => at >= first && at <= last).sort((a, b) => a - b);
    const positions = new Map(used.map((at, position) => [at, position]));
    const values = rows(styles, positions);
    const numbers = values.map((one) => one.value);
    const wide = Math.max(...numbers) / Math.min(...numbers) > 8;
    const positive = numbers.every((one) => one > 0);
    const scale = positive && (view.y || (wide ? "log" : "linear")) === "log" ? "log" : "linear";
    const specification = structuredClone(site.data.charts[`${view.x}-${scale}`]);
    const put = (key, content) => { specification.data.find((one) => one.name === key).values = content; };
    const signal = (key, value) => { specification.signals.find((one) => one.name === key).value = value; };
    put("values", values);
    const marks = notes.filter(([at]) => positions.has(at)).map(([at, number, text, label]) => ({
      position: positions.get(at), date: Date.parse(releases[at].date), number, text, label: roomy ? label : "",
    }));
    put("notes", apart(marks, placed(used, width)));
    signal("labels", used.map((at) => releases[at].label));
    signal("unit", found.unit);
    return { specification, scale };
  }

  // Where a mark is drawn, in pixels, about: the labels of the values take some of the width.
  function placed(used, width) {
    const room = width - 60;
    if (view.x === "release") return ({ position }) => position * room / used.length;
    const [first, last] = [used.at(0), used.at(-1)].map((at) => Date.parse(releases[at].date));
    return ({ date }) => (date - first) * room / (last - first || 1);
  }

  // The numbers of marks that would touch are written together, over the first of them.
  function apart(marks, place) {
    for (const [which, mark] of marks.entries()) {
      const newer = marks[which - 1];
      if (newer && place(newer) - place(mark) < 9 + 3.5 * `${newer.number}${mark.number}`.length) {
        mark.number = [...new Set([newer.number, mark.number])].join(", ");
        mark.text = [...newer.text, ...mark.text];
        newer.number = "";
      }
    }
    return marks;
  }

  function draw(element, legend, found, series, notes) {
    const styles = styled(series);
    const { specification, scale } = charted(styles, found, notes, element.clientWidth);
    // Where the pointer leaves an item, Vega names it once more, without a value.
    const tooltip = (_, event, item, value) => tell(event, value && item.datum.text);
    drawn.get(element)?.finalize();
    vegaEmbed(element, specification, { mode: "vega", renderer: "svg", actions: false, defaultStyle: false, tooltip })
      .then((chart) => {
        drawn.set(element, chart);
        element.classList.add("drawn");
      });
    legend.replaceChildren(...styles.map((one) =>
      site.make("li", {}, site.make("span", { class: one.dash ? "stroke dashed" : "stroke", style: `--colour: ${one.colour}` }), one.name)));
    return scale;
  }

  const tip = site.make("div", { class: "tip", hidden: true });
  document.body.append(tip);
  addEventListener("scroll", () => tell(), { capture: true, passive: true });
  addEventListener("keydown", ({ key }) => { if (key === "Escape") tell(); });
  function tell(event, text) {
    tip.hidden = !text;
    if (!text) return;
    tip.replaceChildren(...text.map((one) => site.make("div", {}, one)));
    const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 12)}px`;
  }

  function tabulate(series) {
    table.hidden = series.length === 0;
    const head = site.make("tr", {}, site.make("th", { scope: "col" }, "Release"),
      ...series.map((one) => site.make("th", { scope: "col", class: "number" }, name(one.place))));
    const points = series.map((one) => new Map(one.points.map((point) => [point[0], point])));
    const used = [...new Set(points.flatMap((one) => [...one.keys()]))].sort((a, b) => b - a);
    const body = used.map((at) => site.make("tr", {},
      site.make("th", { scope: "row" }, site.make("a", { href: site.root + releases[at].page }, releases[at].label),
        site.make("small", {}, releases[at].date)),
      ...points.map((one) => {
        const point = one.get(at);
        if (!point) return site.make("td", { class: "number none" }, "–");
        if (point[1] == null) return site.make("td", { class: "number none" }, point[4], site.make("small", {}, point[5]));
        return site.make("td", { class: "number", title: point[5] || null }, point[4]);
      })));
    table.replaceChildren(site.make("caption", {}, `${question.unit}, ${sheet.tomogram} on ${sheet.machine}`),
      site.make("thead", {}, head), site.make("tbody", {}, ...body));
  }

  function radio(label, key, current, choices) {
    return site.make("fieldset", {}, site.make("legend", {}, label), ...choices.map(([value, text]) =>
      site.make("label", { class: "chip" },
        site.make("input", { type: "radio", name: key, value, checked: value === current }), site.make("span", {}, text))));
  }

  function choose(scale) {
    const fields = Object.entries(sheet.axes).filter(([, values]) => values.length > 1).map(([axis, values]) =>
      site.make("fieldset", {}, site.make("legend", {}, title(axis)), ...values.map((value) =>
        site.make("label", { class: "chip" },
          site.make("input", { type: "checkbox", name: axis, value, checked: chosen[axis].includes(value) }),
          site.make("span", {}, plain(value))))));
    if (question.sheets.length > 1) {
      fields.unshift(radio("Measured on", "sheet", String(sheet.number),
        question.sheets.map((one) => [String(one.number), `${one.tomogram} on ${one.machine}`])));
    }
    fields.push(radio("Across", "x", view.x, [["release", "releases"], ["date", "dates"]]));
    fields.push(radio("Scale", "y", scale, [["linear", "from zero"], ["log", "logarithmic"]]));
    form.replaceChildren(...fields);
  }

  // The axes along which there is a choice, in words.
  function axes() {
    const names = Object.entries(sheet.axes).filter(([, values]) => values.length > 1).map(([axis]) => title(axis).toLowerCase());
    return new Intl.ListFormat("en").format(names);
  }

  function show() {
    tell();
    let series = matching(sheet, chosen);
    const left = series.length - most;
    series = series.slice(0, most);
    const valued = series.some((one) => one.points.some(([, value]) => value != null));
    const why = series.some((one) => one.points.some((point) => point[1] == null && point[5]));  // not all give a reason
    const figure = holder.querySelector("figure");
    figure.querySelector("figcaption").textContent = [
      left > 0 && `The first ${most} of ${series.length + left} chosen series are shown.`,
      !series.length && `There is no such combination of ${axes()} among the measured cases: choose another above.`,
      series.length && !valued && `None of the chosen series has a value${why ? ": the table says why" : ""}.`,
    ].filter(Boolean).join(" ");
    const notes = ({ notes: all }) => (sheet.number === 0 ? all : []);  // known changes are those of the first sheet
    const [plot, legend] = [".plot", ".legend"].map((one) => figure.querySelector(one));
    plot.hidden = legend.hidden = !valued;
    const scale = valued ? draw(plot, legend, question, series, notes(question)) : view.y || "linear";
    if (companion) {
      const element = holder.querySelector(".plot.companion");
      const own = companion.sheets.find((one) => one.number === sheet.number);
      const wanted = Object.fromEntries(Object.keys(own?.axes || {}).map((axis) => [axis, chosen[axis] || (axis in fixed && [fixed[axis]])]));
      const shown = own ? matching(own, wanted).filter((one) => one.points.some((point) => point[1] != null)).slice(0, most) : [];
      element.closest("section").hidden = shown.length === 0;
      // The numbers of the page's list are those of the question's own changes.
      const unnumbered = notes(companion).map(([at, , ...rest]) => [at, "▾", ...rest]);
      if (shown.length) draw(element, holder.querySelector(".legend.companion"), companion, shown, unnumbered);
    }
    tabulate(series);
    return scale;
  }

  form.addEventListener("change", (event) => {
    const { name: key, value } = event.target;
    if (key === "sheet") {
      sheet = question.sheets.find((one) => String(one.number) === value);
      chosen = choice(chosen);
    } else if (key === "x" || key === "y") {
      view[key] = value;
    } else {
      const marked = [...form.querySelectorAll(`input[name="${CSS.escape(key)}"]:checked`)].map((one) => one.value);
      if (marked.length === 0) event.target.checked = true;  // a plot of nothing says nothing
      else chosen[key] = marked;
    }
    const kept = {};
    for (const [axis, values] of Object.entries(chosen)) {
      if (values.join(";") !== (sheet.chosen[axis] || []).join(";")) kept[axis] = values.join(";");
    }
    if (sheet !== question.sheets[0]) kept.sheet = sheet.number;
    if (view.x !== "release") kept.x = view.x;
    if (view.y) kept.y = view.y;
    site.keep(kept);
    const scale = show();
    if (key === "sheet") {
      choose(scale);
      form.querySelector("input[name=sheet]:checked").focus();
    } else {
      form.elements.y.value = scale;  // which changes with the values, unless it was chosen
    }
  });
  choose(show());
})();
