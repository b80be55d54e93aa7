// The rows of the page: the outcomes of the format json, without empty values.

const RESULTS = {
  newlyDenied: ["would be denied", "deny"],
  deny: ["denied", "deny"],
  error: ["cannot be evaluated", "warn"],
  newlyAllowed: ["would be allowed", "allow"],
  newlyCompleted: ["mutated differently", "patch"],
  skip: ["skipped", "plain"],
  allow: ["allowed", "allow"],
};

const rows = JSON.parse(one("#rows").textContent);

/** The findings that a row is about: those that denied it before, where nothing denies it now. */
const findings = (row) => (row.change === "newlyAllowed" ? row.findingsBefore : row.findings) ?? [];
const place = (row) => (row.line ? `${row.file}:${row.line}` : row.file) || `${row.namespace ?? ""}/${row.name ?? ""}`;

{
  const seen = new Map();
  for (const row of rows) {
    const found = findings(row);
    row.result = row.change || row.verdict;
    row.place = place(row);
    row.title ||= row.place;
    row.rules = [...new Set(found.map((finding) => finding.rule))];
    row.modes = [...new Set(found.map((finding) => finding.mode))];
    const times = (seen.get(row.place) ?? 0) + 1;
    seen.set(row.place, times);
    row.id = times > 1 ? `${row.place}~${times}` : row.place;
    row.text = [
      row.title, row.namespace, row.name, row.user, row.place, row.message, row.resource, RESULTS[row.result][0],
      ...found.flatMap((finding) => [finding.rule, finding.field, finding.message]),
      ...(row.tags ?? []).flatMap((tag) => [tag.from, tag.to]),
    ].filter(Boolean).join("\n").toLowerCase();
  }
}

/** Return how often each value stands in the rows, the most frequent first. */
function counted(values) {
  const counts = new Map();
  for (const row of rows) for (const value of values(row)) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

const VALUES = {
  result: (row) => [row.result],
  rule: (row) => row.rules,
  mode: (row) => row.modes,
  namespace: (row) => [row.namespace],
  user: (row) => [row.user],
};
const known = Object.fromEntries(Object.entries(VALUES).map(([name, values]) => [name, counted(values)]));
