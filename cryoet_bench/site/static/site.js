// What all pages share: data that scripts bring, and the state of a page in its address.
"use strict";

const site = {
  data: {},
  root: document.currentScript.getAttribute("src").replace(/assets\/site\.js$/, ""),

  // Called by the scripts in data/: nothing else can be loaded from a file.
  add(name, content) {
    site.data[name] = content;
  },

  load(name) {
    if (name in site.data) return Promise.resolve(site.data[name]);
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${site.root}data/${name}.js`;
      script.onload = () => resolve(site.data[name]);
      script.onerror = () => reject(new Error(`data/${name}.js is missing`));
      document.head.append(script);
    });
  },

  // An element with attributes and children; texts are texts, never markup.
  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  },

  state() {
    return new URLSearchParams(location.hash.slice(1));
  },

  keep(state) {
    const text = new URLSearchParams(state).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  },

  options(select, choices, chosen) {
    select.replaceChildren(...choices.map(([value, label]) =>
      site.make("option", { value, selected: value === chosen }, label)));
  },

  // Select what an address names, where that is offered.
  choose(select, value) {
    if ([...select.options].some((one) => one.value === value)) select.value = value;
  },
};

// A link to a change opens the fold that contains it.
addEventListener("DOMContentLoaded", () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const folded = target && target.closest("details");
  if (folded) {
    folded.open = true;
    target.scrollIntoView();
  }
});
