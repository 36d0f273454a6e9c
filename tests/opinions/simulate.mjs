// Answers simulations, one JSON object a line on standard input, with one JSON object a line on standard output.
//
//     node simulate.mjs FOLDER
//
// FOLDER has iam-simulate in its node_modules. It ends when its input does.

import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(resolve(process.argv[2], "package.json"));
const { runSimulation } = require("@cloud-copilot/iam-simulate");

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await runSimulation(JSON.parse(line), { simulationMode: "Strict" });
  const { resultType, overallResult, errors } = answer;
  const ignored = answer.result?.ignoredContextKeys ?? [];
  process.stdout.write(JSON.stringify({ resultType, overallResult, errors, ignored }) + "\n");
}
