// Validate definitions by AWS's own language service, which the AWS Toolkit for VS Code uses. Standard input: a JSON list
// of definitions, as texts; standard output: for each the list of the messages of its diagnostics.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { getLanguageService } = require("amazon-states-language-service");
const { TextDocument } = require("vscode-languageserver-textdocument");

const service = getLanguageService({ workspaceContext: { resolveRelativePath: (path) => path } });
const found = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  const document = TextDocument.create("file:///workflow.asl.json", "asl", 1, text);
  const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
  found.push(diagnostics.map(({ message, range }) => `line ${range.start.line + 1}: ${message}`));
}
process.stdout.write(JSON.stringify(found));
