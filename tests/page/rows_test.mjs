// SPDX-License-Identifier: Apache-2.0
// **Goal:** filters are judged and matched as MQTT 5.0 section 4.7 has it; a row says the right thing about
//     each kind of payload; the window of events is bounded.
// **Method:** the page's pure modules, bundled by esbuild and called in Node; tables.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
let esbuild;
try {
  esbuild = createRequire(require.resolve("vite/package.json"))("esbuild");
} catch {
  console.log("SKIPPED: web/node_modules is missing; run npm ci in web/");
  process.exit(77);
}

const folder = mkdtempSync(join(tmpdir(), "firehose-rows-"));
const load = async (name) => {
  const outfile = join(folder, `${name}.mjs`);
  const source = fileURLToPath(new URL(`../../web/src/${name}.ts`, import.meta.url));
  await esbuild.build({ entryPoints: [source], outfile, bundle: true, format: "esm", logLevel: "error" });
  return import(pathToFileURL(outfile).href);
};

try {
  const { filterMatches, filterProblem } = await load("topics");
  for (const filter of ["#", "+", "/", "a/#", "+/+", "/+", "a//b", "$SYS/#", "sport/+/player1", "gerrit/+/+/comment-added"]) {
    assert.equal(filterProblem(filter), null, filter);
  }
  for (const filter of ["", "a#", "#/a", "a/#/b", "a+", "a/+b/c", "a\u0000", "x".repeat(65536), "é".repeat(32768)]) {
    assert.notEqual(filterProblem(filter), null, filter.slice(0, 20));
  }
  for (const [filter, topic, expected] of [
    ["sport/#", "sport", true], ["sport/#", "sport/a/b", true], ["sport/+", "sport", false], ["sport/+", "sport/", true],
    ["+/+", "/finance", true], ["/+", "/finance", true], ["+", "/finance", false], ["#", "$SYS/a", false],
    ["+/a", "$SYS/a", false], ["$SYS/#", "$SYS/a", true], ["a/b", "a/b/c", false], ["a/b/c", "a/b", false], ["a/+/c", "a//c", true],
  ]) {
    assert.equal(filterMatches(filter, topic), expected, `${filter} ${topic}`);
  }

  const { payloadForReading, summarize } = await load("event");
  const event = (payload, more = {}) => {
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : Uint8Array.from(payload);
    return { id: 1, at: new Date(0), topic: "t", payload: bytes, size: bytes.length, qos: 0, retained: false, ...more };
  };
  const zeros = "0".repeat(40);
  for (const [payload, kind, title, notes] of [
    ["", "", "empty payload", []],
    ["21.5", "", "21.5", []],
    ["two\nlines", "", "two lines", []],
    ["[1,2]", "", "[1,2]", []],
    ["null", "", "null", []],
    ['{"type":7}', "", '{"type":7}', []],
    [[0xff, 0x00], "", "binary payload", []],
    ['{"type":"dropped-output"}', "dropped-output", "", []],
    ['{"type":"project-created","projectName":"a/b","headName":"refs/heads/main"}', "project-created", "refs/heads/main", ["a/b"]],
    [`{"type":"ref-updated","submitter":{"username":"sam"},"refUpdate":{"oldRev":"${zeros}","newRev":"1234567890","refName":"refs/heads/x","project":"p"}}`,
      "ref-updated", "x created at 12345678", ["p", "sam"]],
    ['{"type":"patchset-created","project":{"name":"p"},"change":{"subject":"S","number":7,"branch":"b"},"patchSet":{"number":2},"uploader":{"name":"U"}}',
      "patchset-created", "S", ["p", "7,2", "b", "U"]],
    ['{"type":"comment-added","approvals":[{"type":"Verified","value":"-1"},{"type":"X","value":"0"},7,null],"change":{"subject":[]},"author":"odd"}',
      "comment-added", "", ["Verified \u22121"]],
    ['{"type":"x","change":null,"refUpdates":{},"approvals":{},"project":[]}', "x", "", []],
  ]) {
    const said = summarize(event(payload));
    assert.deepEqual([said.kind, said.title, said.notes], [kind, title, notes], String(payload));
  }
  assert.equal(payloadForReading(event('{"a":[1]}')), '{\n  "a": [\n    1\n  ]\n}');
  assert.equal(payloadForReading(event("{broken")), "{broken");
  assert.equal(payloadForReading(event([0xff, 0x41])), `000000  ff 41${" ".repeat(42)}  .A`);
  const cut = new TextEncoder().encode("aé").slice(0, 2);
  assert.equal(payloadForReading({ ...event(""), payload: cut, size: 3 }), "a");

  const { EventWindow, kEventsMax } = await load("window");
  const events = new EventWindow();
  for (let id = 0; id < kEventsMax + 3; ++id) events.push(event("x", { id }));
  assert.equal(events.events.length, kEventsMax);
  assert.equal(events.events[0].id, 3, "the oldest go first");
  events.pause();
  for (let id = 1000; id < 1000 + kEventsMax + 5; ++id) events.push(event("y", { id }));
  assert.deepEqual([events.heldCount, events.heldDropped, events.events.at(-1).id], [kEventsMax, 5, kEventsMax + 2]);
  events.resume();
  assert.deepEqual([events.heldCount, events.events.length, events.events.at(-1).id], [0, kEventsMax, 1000 + kEventsMax + 4]);
  const big = new Uint8Array(256 * 1024);
  for (let id = 0; id < 200; ++id) events.push(event("", { id, payload: big, size: big.length }));
  assert.equal(events.events.length, 128, "32 MiB in all");
  console.log("rows hold");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
