// Evaluate JSONata by its reference implementation, with the functions that Step Functions adds and that give the same
// each time. Standard input: a JSON list of {code, variables}; standard output: a JSON list of {value} or {error}.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import jsonata from "jsonata";

const added = {
  parse: (text) => (text === undefined ? undefined : JSON.parse(text)),
  hash: (text, algorithm) => createHash(algorithm.replace("-", "").toLowerCase()).update(text).digest("hex"),
};
const parsed = new Map();

function expression(code) {
  if (!parsed.has(code)) {
    const compiled = jsonata(code);
    for (const [name, given] of Object.entries(added)) compiled.registerFunction(name, given);
    parsed.set(code, compiled);
  }
  return parsed.get(code);
}

async function evaluated({ code, variables }) {
  try {
    const value = await expression(code).evaluate(undefined, variables);
    if (value === undefined || typeof value === "function" || value?._jsonata_lambda) return { error: "no value" };
    return { value };
  } catch (failure) {
    return { error: failure.message };
  }
}

const answers = [];
for (const given of JSON.parse(readFileSync(0, "utf8"))) answers.push(await evaluated(given));
process.stdout.write(JSON.stringify(answers));
