// The content of an open row: the change, and the findings of each rule.

const MODES = { enforce: "denied", warn: "warning", audit: "recorded" };

/** Return all that is known of a row. */
function details(row) {
  const facts = [
    ...(row.tags ?? []).flatMap((tag) => [[tag.tag, moved(tag)], ["Digest", tag.digest]]),
    ["Requested by", row.user],
    ["Request", [row.operation, row.resource].filter(Boolean).join(" ")],
    ["Time", row.time ? `${row.time.slice(0, 19).replace("T", " ")} UTC` : ""],
    ["Read from", row.file ? row.place : ""],
    ["Policy", row.policy],
    ["Exemption", row.exemption ? [row.exemption.name, row.exemption.reason].filter(Boolean).join(": ") : ""],
    ["Ticket", row.exemption?.ticket],
    [has("policy") ? "Remark" : "Reason", row.message],
  ].filter((fact) => fact[1]);
  const link = make("a", "", "Link to this change");
  link.href = address({ row: row.id });
  return [
    make("h3", "", "Change"),
    make("dl", "", ...facts.flatMap(([name, value]) => [make("dt", "", breakable(name)), make("dd", "", breakable(value))])),
    ...section(row.before ? "Findings with this policy" : "Findings", row, row.findings, row.patch),
    ...(row.before ? section("Findings of the recorded decision", row, row.findingsBefore, row.patchBefore) : []),
    make("p", "note", link),
  ];
}

/** Say what becomes of a tag. */
function moved({ from, to }) {
  if (from === to) return to ? `stays at ${to}` : "has no image";
  if (!to) return `no longer points to ${from}`;
  return from ? `changes from ${from} to ${to}` : `is set to ${to}`;
}

function section(title, row, found = [], patch = []) {
  const items = found.map((finding) => make(
    "li", finding.mode, make("span", `mode ${finding.mode}`, MODES[finding.mode]), " by rule ", make("strong", "", finding.rule),
    make("span", "where", where(finding, row)), make("br"), breakable(finding.message),
  ));
  const sets = patch.map((each) => make(
    "li", "patch", make("span", "mode patch", "default"), " sets ", make("code", "", breakable(each.path)), " to ",
    make("code", "", breakable(JSON.stringify(each.value))),
  ));
  const list = make("ul", "findings", ...items, ...sets);
  return [make("h3", "", title), items.length + sets.length ? list : make("p", "", "No findings.")];
}

/** Say which field a finding is about, in which line if that is not the row's own, and whether it is an old one. */
const where = (finding, row) => [
  finding.field && `, field ${finding.field}`,
  finding.line && finding.line !== row.line ? `, line ${finding.line}` : "",
  finding.existing ? ", existed before the change" : "",
].join("");
