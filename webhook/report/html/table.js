// The table: one page of rows is in the document at a time, so that ten thousand are no more work than a hundred.

const PAGE = 100;
const PRINTED = 1000;
const ORDER = Object.keys(RESULTS);
const has = (name) => rows.some((row) => row[name]);

const COLUMNS = [
  { key: "result", name: "Result", order: (row) => ORDER.indexOf(row.result), cell: (row) => pill(...RESULTS[row.result]) },
  { key: "tag", name: "Tag", order: (row) => row.title.toLowerCase(), cell: opener },
  { key: "rules", name: "Rules", order: (row) => row.rules.join("\n").toLowerCase(), cell: ruleNames },
  { key: "user", name: "User", order: (row) => (row.user ?? "").toLowerCase(), cell: (row) => breakable(row.user ?? "") },
  { key: "time", name: "Time", fixed: true, order: (row) => row.time ?? "", cell: (row) => (row.time ?? "").slice(0, 19).replace("T", " ") },
  { key: "place", name: "Where", order: (row) => [row.file ?? "", row.line ?? 0, row.place], cell: (row) => breakable(row.place) },
].filter((column) => !["user", "time"].includes(column.key) || has(column.key));

/** Return the rules of a row, those that do not refuse in a quieter colour. */
function ruleNames(row) {
  const refusing = new Set(findings(row).filter((finding) => finding.mode === "enforce").map((finding) => finding.rule));
  const sorted = [...row.rules].sort((a, b) => refusing.has(b) - refusing.has(a));
  return make("span", "", ...sorted.flatMap((rule, index) => [index ? ", " : "", make("span", refusing.has(rule) ? "" : "lesser", rule)]));
}

const pill = (name, tone) => make("span", `pill ${tone}`, name);

function opener(row) {
  const button = make("button", "open-row", breakable(row.title));
  button.type = "button";
  button.setAttribute("aria-expanded", String(state.row === row.id));
  button.addEventListener("click", () => {
    state.row = state.row === row.id ? "" : row.id;
    writeAddress();
    draw();
    all(".open-row").find((each) => each.closest("tr").dataset.id === row.id)?.focus();
  });
  return button;
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
    const cell = make("td", "empty", rows.length ? "Nothing is as these filters ask." : "There is nothing to list.");
    cell.colSpan = COLUMNS.length;
    one("#table tbody").append(make("tr", "", cell));
  }
  for (const head of all("#table thead th")) {
    if (head.dataset.key === state.sort) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const said = found.length === rows.length ? `${number(rows.length)} listed` : `${number(found.length)} of ${number(rows.length)}`;
  one("#found").textContent = printing && found.length > PRINTED ? `the first ${number(PRINTED)} of ${said}` : said;
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
  return [line, make("tr", "detail", cell)];
}

/** Return all that is known of a row. */
function details(row) {
  const parts = [];
  const facts = [
    ...(row.tags ?? []).map((tag) => [tag.tag, `${tag.from || "nothing"} → ${tag.to || "nothing"}`]),
    ["asked by", [row.user, row.operation, row.door && `of ${row.door}`, row.time].filter(Boolean).join(" · ")],
    ["read from", row.file ? row.place : ""],
    ["exemption", row.exemption ? [row.exemption.name, row.exemption.reason].filter(Boolean).join(": ") : ""],
    ["why", row.message ?? ""],
  ];
  parts.push(make("h3", "", "What"), make("dl", "", ...facts.filter((fact) => fact[1]).flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)])));
  parts.push(...section(row.before ? "What the policy says now" : "What the policy says", row, row.findings, row.patch));
  if (row.before) parts.push(...section("What was said then", row, row.findingsBefore, row.patchBefore));
  const link = make("a", "", "Link to this change");
  link.href = address({ row: row.id });
  parts.push(make("p", "note", link));
  return parts;
}

function section(title, row, found = [], patch = []) {
  const items = found.map((finding) => make(
    "li", finding.mode, make("span", `mode ${finding.mode}`, finding.mode), " ", make("strong", "", finding.rule), " ",
    make("span", "where", where(finding, row)), make("br"), finding.message,
  ));
  const sets = patch.map((each) => make("li", "patch", make("span", "mode patch", "completes"), " ", make("code", "", `${each.path} = ${JSON.stringify(each.value)}`)));
  const list = make("ul", "findings", ...items, ...sets);
  return [make("h3", "", title), items.length + sets.length ? list : make("p", "", "Nothing.")];
}

const where = (finding, row) => [
  finding.field,
  finding.line && finding.line !== row.line ? ` in line ${finding.line}` : "",
  finding.existing ? ", as it was before" : "",
].join("");
