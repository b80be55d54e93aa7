// The page: keeps the controls and the state in sync.

const form = one("#filters");
const THEMES = ["automatic", "light", "dark"];

/** Show what the state says. */
function update() {
  writeAddress();
  for (const name of FILTERS) if (form.elements[name].value !== state[name]) form.elements[name].value = state[name];
  for (const bar of all("button[data-filter]")) bar.setAttribute("aria-pressed", String(state[bar.dataset.filter] === bar.dataset.value));
  draw();
}

/** Go to the page that holds the row of the address, where there is one. */
function seek() {
  const index = state.row ? selected().findIndex((row) => row.id === state.row) : -1;
  if (index >= 0) state.page = Math.floor(index / PAGE) + 1;
  update();
  if (index >= 0) all("tr.row").find((line) => line.dataset.id === state.row)?.scrollIntoView({ block: "center" });
}

function follow() {
  readAddress();
  seek();
}

function fill() {
  for (const name of ["result", "rule", "mode"]) {
    const select = form.elements[name];
    for (const [value, count] of known[name]) {
      select.append(new Option(`${name === "result" ? RESULTS[value][0] : value} (${number(count)})`, value));
    }
    select.closest("label").hidden = !known[name].length;
  }
  for (const name of ["namespace", "user"]) {
    one(`#${name}s`).append(...known[name].map(([value]) => new Option("", value)));
    form.elements[name].closest("label").hidden = !known[name].length;
  }
}

function themes() {
  const button = one("#theme");
  let theme = "automatic";
  const show = () => {
    if (theme === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    one("span", button).textContent = theme;
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    show();
  });
  button.hidden = false;
}

form.addEventListener("input", (event) => {
  state[event.target.name] = event.target.value;
  state.page = 1;
  update();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", (event) => {
  event.preventDefault();
  for (const name of FILTERS) state[name] = "";
  state.page = 1;
  update();
});
for (const bar of all("button[data-filter]")) {
  bar.disabled = false;
  bar.addEventListener("click", () => {
    const { filter, value } = bar.dataset;
    state[filter] = state[filter] === value ? "" : value;
    state.page = 1;
    update();
  });
}
for (const [name, step] of [["before", -1], ["after", 1]]) {
  one(`#pages [name=${name}]`).addEventListener("click", () => {
    state.page += step;
    update();
    one("#changes").scrollIntoView();
  });
}
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, select")) {
    event.preventDefault();
    form.elements.q.focus();
  }
});
one("#table tbody").addEventListener("click", clicked);
one("#table tbody").addEventListener("keydown", pressed);
addEventListener("hashchange", follow);
for (const [name, printing] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(name, () => {
    drawHeads(printing);
    draw(printing);
  });
}

themes();
fill();
drawHeads();
one("#needs-script").hidden = true;
one("#table").hidden = false;
form.hidden = false;
follow();
