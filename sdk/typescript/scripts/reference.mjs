// Writes the reference of the package as Markdown, from its types and their comments: `node scripts/reference.mjs`.
// A public name without a comment, or a type that no entry exports in a public signature, is an error.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "@babel/parser";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const PACKAGE = "@dossier/realtime";
/** Types of the language and of browsers, Node and the editors that the package is bound to. */
const FOREIGN = new Set(
  `Array ArrayBuffer ArrayLike AsyncGenerator AsyncIterable AsyncIterableIterator AsyncIterator Error Event Exclude
  Extract Function HTMLElement HTMLTextAreaElement Iterable IterableIterator IteratorResult Map MapConstructor Omit
  Partial Pick Promise Date PropertyKey RangeError Readonly ReadonlyArray ReadonlyMap ReadonlySet Record RequestInit
  Required Response ReturnType Set Text TypeError URL Uint8Array WebSocket const undefined fetch globalThis setTimeout
  Compartment EditorView Extension Facet StateField ReactElement ReactNode JSX React`.split(/\s+/),
);

const errors = [];
const files = new Map();

/** Return a declaration file: its text, its exports by name, and what it imports. */
function file(path) {
  let known = files.get(path);
  if (known) return known;
  const text = readFileSync(path, "utf8");
  const { program } = parse(text, { sourceType: "module", plugins: [["typescript", { dts: true }]], attachComment: true });
  known = { path, text, exports: new Map(), stars: [], locals: new Map() };
  files.set(path, known);
  for (const node of program.body) {
    if (node.type === "ExportAllDeclaration") known.stars.push(there(path, node.source.value));
    else if (node.type === "ExportNamedDeclaration" && node.source) {
      for (const each of node.specifiers) {
        known.exports.set(each.exported.name, { from: there(path, node.source.value), name: each.local.name });
      }
    } else if (node.type === "ExportNamedDeclaration" && node.declaration) declare(known, node.declaration, node, true);
    else if (node.type === "ExportNamedDeclaration") {
      for (const each of node.specifiers) known.exports.set(each.exported.name, { from: path, name: each.local.name });
    } else declare(known, node, node, false);
  }
  return known;
}

function there(path, source) {
  return join(dirname(path), source.replace(/\.js$/, ".d.ts"));
}

function declare(known, node, outer, isExported) {
  const named = node.type === "VariableDeclaration" ? node.declarations.map((each) => each.id) : node.id ? [node.id] : [];
  for (const { name } of named) {
    const those = known.locals.get(name) ?? [];
    known.locals.set(name, [...those, { node, outer, file: known }]);
    if (node.type === "TSInterfaceDeclaration") shapes.set(name, known.locals.get(name));
    if (isExported && !known.exports.has(name)) known.exports.set(name, { from: known.path, name });
  }
}

/** Return the exported names of a file, each with its declarations: a type and a constant may share a name. */
function exported(path) {
  const known = file(path);
  const found = new Map();
  for (const star of known.stars) for (const [name, those] of exported(star)) found.set(name, those);
  for (const [name, { from, name: own }] of known.exports) {
    const those = from === path ? known.locals.get(own) : exported(from).get(own);
    if (those) found.set(name, those);
    else errors.push(`${relative(root, path)} exports ${name}, which is declared nowhere`);
  }
  return found;
}

/** Return the comment of a node as Markdown; its tags as sentences. */
function doc(node) {
  const last = node.leadingComments?.at(-1);
  if (last?.type !== "CommentBlock" || !last.value.startsWith("*")) return "";
  const lines = last.value.slice(1).split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  const text = lines.join("\n").trim().replace(/^@throws\s+/gm, "Throws ");
  for (const tag of text.match(/(^|\s)@[a-z]+/g) ?? []) errors.push(`a comment has the tag ${tag.trim()}, which is not rendered`);
  return text;
}

/** Return the source of a node without comments and without what the language's declarations add. */
function source(known, node) {
  const text = known.text.slice(node.start, node.end);
  return text.replace(/\/\*\*[\s\S]*?\*\/\s*/g, "").replace(/^(export )?declare /, "").replace(/^export /, "");
}

/** Private members, and constructors that a function of the package calls: their comments begin with "Use `". */
const isHidden = (member) =>
  member.accessibility === "private" || member.key?.type === "PrivateName" || /^\*\s+Use `/.test(member.leadingComments?.at(-1)?.value ?? "");

/** Return the comment of a member in the interfaces that its class implements. */
function inherited(node, name) {
  for (const { expression } of node.implements ?? []) {
    for (const { node: of } of shapes.get(expression.name) ?? []) {
      const found = of.body.body.find((each) => each.key?.name === name);
      if (found && doc(found)) return doc(found);
    }
  }
  return "";
}

function members({ node, file: known }, owner) {
  const body = node.body?.body ?? [];
  const rows = [];
  for (const member of body) {
    if (isHidden(member) || (node.superClass && member.key?.name === "name")) continue; // every error has its name
    const text = source(known, member).replace(/\s+/g, " ").replace(/;$/, "");
    const key = member.key?.name ?? member.key?.value;
    const words = (doc(member) || inherited(node, key)).replace(/\n\n+/g, "<br>").replace(/\s*\n\s*/g, " ").replaceAll("|", "\\|");
    const name = key ?? "constructor";
    // A field may speak for itself.
    const needs = node.type === "ClassDeclaration" && member.type !== "ClassProperty" && name !== "constructor";
    if (needs && !words) errors.push(`${owner}.${name} has no comment`);
    references(member, owner, known);
    rows.push(`| \`${text.replaceAll("|", "\\|")}\` | ${words} |`);
  }
  return rows.length ? ["| member | |", "|---|---|", ...rows] : [];
}

const mentioned = [];
const shapes = new Map(); // interfaces, by name

/** Note the types that a public signature names. */
function references(node, owner, known) {
  if (Array.isArray(node)) return node.forEach((each) => references(each, owner, known));
  if (!node || typeof node.type !== "string") return;
  if (isHidden(node)) return;
  const name = node.type === "TSTypeReference" ? node.typeName : node.type === "TSTypeQuery" ? node.exprName : node.expression;
  const isName = ["TSTypeReference", "TSTypeQuery", "TSInterfaceHeritage", "TSExpressionWithTypeArguments"].includes(node.type);
  if (isName && name?.type === "Identifier") mentioned.push({ name: name.name, owner, known });
  for (const [key, value] of Object.entries(node)) {
    if (!["leadingComments", "trailingComments", "innerComments", "loc"].includes(key) && typeof value === "object") references(value, owner, known);
  }
}

function section(name, those) {
  const { node, outer, file: known } = those[0];
  const words = those.map((each) => doc(each.outer)).find(Boolean) ?? "";
  if (!words) errors.push(`${name} has no comment`);
  const lines = [`### \`${name}\``, ""];
  if (words) lines.push(markdown(words), "");
  const hasMembers = node.type === "ClassDeclaration" || node.type === "TSInterfaceDeclaration";
  for (const each of those) if (!hasMembers) references(each.node, name, each.file);
  if (hasMembers) {
    const head = source(known, { start: node.start, end: node.body.start }).trim();
    if (node.superClass || node.extends?.length) lines.push("```ts", head, "```", "");
    lines.push(...members(those[0], name));
  } else {
    lines.push("```ts", those.map((each) => source(each.file, each.node)).join("\n"), "```");
  }
  return [...lines, ""].join("\n");
}

/** An indented example becomes a fence. */
function markdown(words) {
  return words.replace(/(?:^ {4}.*(?:\n|$)(?:\n(?= {4}))?)+/gm, (block) => `\`\`\`ts\n${block.replace(/^ {4}/gm, "").trimEnd()}\n\`\`\`\n`);
}

function main() {
  const made = mkdtempSync(join(tmpdir(), "reference-"));
  try {
    execFileSync(process.execPath, [
      join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.json"), "--emitDeclarationOnly", "--outDir", made,
    ], { stdio: ["ignore", "inherit", "inherit"] });
    const entries = Object.entries(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).exports).filter(
      ([, value]) => typeof value === "object",
    );
    const everything = new Set();
    const text = [];
    const protocol = join(made, "protocol.d.ts");
    for (const [key, value] of entries) {
      const path = join(made, relative("dist/esm", value.import.types));
      const names = exported(path);
      text.push(`## \`${PACKAGE}${key.slice(1)}\``, "");
      const head = doc(parse(file(path).text, { sourceType: "module", plugins: [["typescript", { dts: true }]] }).program.body[0] ?? {});
      if (head) text.push(head, "");
      const own = [...names].filter(([, those]) => those[0].file.path !== protocol);
      for (const [name, those] of own.sort(([one], [other]) => one.localeCompare(other))) text.push(section(name, those));
      const typed = [...names].filter(([, those]) => those[0].file.path === protocol);
      if (typed.length) text.push(...messages(typed));
      for (const name of names.keys()) everything.add(name);
    }
    for (const { name, owner, known } of mentioned) {
      const isParameter = name.length === 1 || ["Type", "Kind"].includes(name);
      if (!everything.has(name) && !FOREIGN.has(name) && !isParameter) errors.push(`${owner} names ${name}, which no entry exports (${relative(made, known.path)})`);
    }
    return text.join("\n");
  } finally {
    rmSync(made, { recursive: true });
  }
}

/** The types of messages are described with the messages: here are their names. */
function messages(typed) {
  const rows = typed
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([name, those]) => {
      const words = those.map((each) => doc(each.outer)).find(Boolean) ?? "";
      return `| \`${name}\` | ${words.split(/\n\n/)[0].replace(/\s*\n\s*/g, " ").replaceAll("|", "\\|")} |`;
    });
  return ["### Types of messages", "", "| type | |", "|---|---|", ...rows, ""];
}

const text = main();
if (errors.length) {
  console.error([...new Set(errors)].join("\n"));
  process.exit(1);
}
process.stdout.write(text);
