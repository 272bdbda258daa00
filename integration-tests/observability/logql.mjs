// SPDX-License-Identifier: Apache-2.0
// Reads one LogQL query a line from standard input; says of each that Grafana's parser does not take where it is wrong.
// node logql.mjs FOLDER, where npm has installed @grafana/lezer-logql.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.argv[2] + "/");
const { parser } = require("@grafana/lezer-logql");
let wrong = 0;
for (const query of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  let at = -1;
  parser.parse(query).iterate({ enter: (node) => { if (node.type.isError && at < 0) at = node.from; } });
  if (at >= 0) {
    console.log(`${query}: wrong at ${at}: ${query.slice(at, at + 40)}`);
    wrong++;
  }
}
process.exit(wrong ? 1 : 0);
