// The reader's choices, kept in the URL's fragment so that a link restores them.

const FILTERS = ["q", "result", "rule", "mode", "namespace", "user"];
const state = { sort: "", down: false, page: 1, row: "" };

/** Take over what the address says. */
function readAddress() {
  const query = new URLSearchParams(location.hash.slice(1));
  for (const name of FILTERS) state[name] = query.get(name) ?? "";
  state.sort = COLUMNS.some((column) => column.key === query.get("sort")) ? query.get("sort") : "";
  state.down = query.has("down");
  state.page = Math.max(1, Number.parseInt(query.get("page"), 10) || 1);
  state.row = query.get("row") ?? "";
}

/** Return the address of the state, with some of it changed. */
function address(changes = {}) {
  const wanted = { ...state, ...changes };
  const query = new URLSearchParams();
  for (const name of [...FILTERS, "sort", "row"]) if (wanted[name]) query.set(name, wanted[name]);
  if (wanted.down && wanted.sort) query.set("down", "");
  if (wanted.page > 1) query.set("page", wanted.page);
  return `#${query}`;
}

const writeAddress = () => history.replaceState(null, "", address());

/** Return the rows that every filter takes, sorted. */
function selected() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = Object.keys(VALUES).filter((name) => state[name]).map(matcher);
  const found = rows.filter((row) => words.every((word) => row.text.includes(word)) && wanted.every((takes) => takes(row)));
  const column = COLUMNS.find((each) => each.key === state.sort);
  if (!column) return found;
  const keyed = found.map((row, index) => [column.order(row), index, row]);
  keyed.sort((a, b) => compared(a[0], b[0]) * (state.down ? -1 : 1) || a[1] - b[1]);
  return keyed.map((each) => each[2]);
}

/** Return whether a row has the value that a filter asks for; one that is typed may be a part of it. */
function matcher(name) {
  const value = state[name];
  const exact = known[name].some(([each]) => each === value);
  if (exact || name === "result" || name === "rule" || name === "mode") return (row) => VALUES[name](row).includes(value);
  const part = value.trim().toLowerCase();
  return (row) => VALUES[name](row).some((each) => each?.toLowerCase().includes(part));
}

function compared(a, b) {
  if (Array.isArray(a)) {
    for (let index = 0; index < a.length; index += 1) {
      const order = compared(a[index], b[index]);
      if (order) return order;
    }
    return 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
