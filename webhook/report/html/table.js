// The table: one page of rows is in the document at a time, so that ten thousand rows are as fast as a hundred.

const PAGE = 100;
const PRINTED = 1000;
const ORDER = Object.keys(RESULTS);
const has = (name) => rows.some((row) => row[name]);

const COLUMNS = [
  { key: "result", name: "Result", order: (row) => ORDER.indexOf(row.result), cell: result },
  { key: "tag", name: "Tag", order: (row) => row.title.toLowerCase(), cell: tag },
  { key: "change", name: "Change", order: changes, cell: (row) => breakable(changes(row)) },
  { key: "rules", name: "Rules", order: (row) => row.rules.join("\n").toLowerCase(), cell: ruleNames },
  { key: "user", name: "User", order: (row) => (row.user ?? "").toLowerCase(), cell: (row) => breakable(row.user ?? "") },
  { key: "time", name: "Time", fixed: true, order: (row) => row.time ?? "", cell: (row) => (row.time ?? "").slice(0, 19).replace("T", " ") },
  { key: "place", name: "Where", order: (row) => [row.file ?? "", row.line ?? 0, row.place], cell: (row) => breakable(row.place) },
].filter(({ key }) => (["user", "time"].includes(key) ? has(key) : key !== "change" || has("policy")));

/** Return what becomes of the tags of a row, in words. */
function changes(row) {
  return (row.tags ?? []).map(moved).join("; ");
}

/** Return the rules of a row, those that do not deny in a quieter colour. */
function ruleNames(row) {
  const denying = new Set(findings(row).filter((finding) => finding.mode === "enforce").map((finding) => finding.rule));
  const sorted = [...row.rules].sort((a, b) => denying.has(b) - denying.has(a));
  return make("span", "", ...sorted.flatMap((rule, index) => [index ? ", " : "", make("span", denying.has(rule) ? "" : "lesser", rule)]));
}

/** Return the result of a row, after the chevron that says whether the row is open. */
function result(row) {
  const chevron = make("span", "chevron");
  chevron.ariaHidden = "true";
  return make("span", "result", chevron, make("span", `pill ${RESULTS[row.result][1]}`, RESULTS[row.result][0]));
}

/** Return the name of a row in the button that opens it, and its file for screens without that column. */
function tag(row) {
  const button = make("button", "open-row", breakable(row.title));
  button.type = "button";
  button.setAttribute("aria-expanded", String(state.row === row.id));
  if (state.row === row.id) button.setAttribute("aria-controls", "detail");
  return make("span", "", button, row.file && row.place !== row.title ? make("span", "file", breakable(row.place)) : "");
}

/** Write the heads, which sort; on paper they are text, which every page repeats. */
function drawHeads(printing = false) {
  one("#table thead tr").replaceChildren(...COLUMNS.map((column) => {
    const head = make("th", "", printing ? column.name : sorter(column));
    head.scope = "col";
    head.dataset.key = column.key;
    return head;
  }));
}

function sorter(column) {
  const button = make("button", "", column.name);
  button.type = "button";
  button.addEventListener("click", () => {
    state.down = state.sort === column.key && !state.down;
    state.sort = column.key;
    state.page = 1;
    update();
  });
  return button;
}

/** Write the rows of the page that is asked for; all of them (as many as anybody prints) to print. */
function draw(printing = false) {
  const found = selected();
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  state.page = Math.min(state.page, pages);
  const start = printing ? 0 : (state.page - 1) * PAGE;
  const shown = found.slice(start, printing ? PRINTED : start + PAGE);
  one("#table tbody").replaceChildren(...shown.flatMap(drawRow));
  if (!shown.length) {
    const cell = make("td", "empty", rows.length ? "No changes match these filters." : "Nothing to list.");
    cell.colSpan = COLUMNS.length;
    one("#table tbody").append(make("tr", "", cell));
  }
  for (const head of all("#table thead th")) {
    if (head.dataset.key === state.sort) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const count = found.length === rows.length ? `${number(rows.length)} listed` : `${number(found.length)} of ${number(rows.length)}`;
  one("#found").textContent = printing && found.length > PRINTED ? `the first ${number(PRINTED)} of ${count}` : count;
  one("#pages").hidden = pages === 1;
  one("#pages span").textContent = `Page ${number(state.page)} of ${number(pages)}`;
  one("#pages [name=before]").disabled = state.page === 1;
  one("#pages [name=after]").disabled = state.page === pages;
}

function drawRow(row) {
  const line = make("tr", "row", ...COLUMNS.map((column) => {
    const cell = make("td", column.fixed ? "fixed" : "", column.cell(row));
    cell.dataset.key = column.key;
    return cell;
  }));
  line.dataset.id = row.id;
  if (state.row !== row.id) return [line];
  line.classList.add("open");
  const cell = make("td", "", ...details(row));
  cell.colSpan = COLUMNS.length;
  const detail = make("tr", "detail", cell);
  detail.id = "detail";
  return [line, detail];
}

/** Open the row, or close it; it stays where it is on the screen, and its button has the focus. */
function toggle(line) {
  const { id } = line.dataset;
  const before = line.getBoundingClientRect().top;
  state.row = state.row === id ? "" : id;
  writeAddress();
  draw();
  const again = all("tr.row").find((each) => each.dataset.id === id);
  one(".open-row", again).focus({ preventScroll: true });
  scrollBy({ top: again.getBoundingClientRect().top - before, behavior: "instant" });
}

/** Open a row that is clicked anywhere, unless the click ends a selection of its text. */
function clicked(event) {
  const line = event.target.closest("tr.row");
  if (line && (event.target.closest("button") || getSelection().isCollapsed)) toggle(line);
}

/** Lead from row to row with the arrow keys. */
function pressed(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.matches(".open-row")) return;
  event.preventDefault();
  const buttons = all(".open-row");
  buttons[buttons.indexOf(event.target) + step]?.focus();
}
