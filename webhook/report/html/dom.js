// Makes elements. Whatever a user sent becomes text, never markup.

/** Return an element of class `name` that holds `children`, strings and elements. */
function make(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children.filter((child) => child !== ""));
  return element;
}

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const number = (count) => count.toLocaleString("en-US");

/** Return `text` with places where a line may break: where a path or a service account has its parts. */
function breakable(text) {
  const parts = text.split(/(?<=[/:@])/);
  return make("span", "", ...parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part])));
}
