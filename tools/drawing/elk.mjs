// Lays graphs out: reads a JSON list of ELK graphs from standard input, prints the list with coordinates.
// https://eclipse.dev/elk/documentation/tooldevelopers/graphdatastructure/jsonformat.html
import { readFileSync } from "node:fs";
import ELK from "elkjs";

const elk = new ELK();
const graphs = JSON.parse(readFileSync(0, "utf8"));
const laidOut = [];
for (const graph of graphs) laidOut.push(await elk.layout(graph));
process.stdout.write(JSON.stringify(laidOut));
