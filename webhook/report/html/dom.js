// Makes elements. Input becomes text, never markup.

/** Return an element of class `name` with `children`, strings and elements. */
function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children.filter((child) => child !== ""));
  return element;
}

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const number = (count) => count.toLocaleString("en-US");

/** Return `text` with line break opportunities between the parts of a path or a service account. */
function breakable(text) {
  const parts = text.split(/(?<=[/:@])/);
  return make("span", "", ...parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part])));
}
