// Validates the manifests on standard input, a JSON array of [module, type, document], by their definitions.
const { readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { execFileSync } = require("node:child_process");
const { join } = require("node:path");

const packages = createRequire(join(process.cwd(), "package.json"));
const manifests = JSON.parse(readFileSync(0, "utf8"));
const faults = [];
for (const [module, type, document] of manifests) {
  try {
    new (packages(module)[type])(document).validate();
  } catch (error) {
    faults.push(`${type}: ${error.message}`);
  }
}
// A validator lets unknown fields pass, a type does not.
const lines = manifests.map(
  ([module, type, document], number) =>
    `import { I${type} as T${number} } from "${module}";\nexport const d${number}: T${number} = ${JSON.stringify(document)};`,
);
writeFileSync("manifests.ts", lines.join("\n"));
try {
  execFileSync("node_modules/.bin/tsc", ["--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "node", "manifests.ts"], { encoding: "utf8" });
} catch (error) {
  faults.push(error.stdout);
}
process.stdout.write(faults.join("\n"));
