// SPDX-License-Identifier: Apache-2.0
// One message of the bus, and what a row says about it. Everything from outside is text here and
// stays text: the views put it in the document by textContent only.

export interface BusEvent {
  readonly id: number;
  readonly at: Date; // When this page received it.
  readonly topic: string;
  readonly payload: Uint8Array; // At most kPayloadKeptMax bytes of it.
  readonly size: number;
  readonly qos: number;
  readonly retained: boolean;
}

/** What is kept of one payload to look at; the rest is only counted. */
export const kPayloadKeptMax = 256 * 1024;

export type Tone = "plain" | "new" | "good" | "bad" | "talk";

export interface Summary {
  readonly kind: string; // e.g. "patchset-created"; "" when the payload does not say.
  readonly tone: Tone;
  readonly title: string;
  readonly notes: readonly string[]; // project, who, votes: one line below the title.
}

const kTitleMax = 300;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

/** The payload as text, or null when it is not UTF-8. */
export function payloadText(event: BusEvent): string | null {
  const cut = event.payload.length < event.size;
  try {
    // A cut payload may end inside a character, which `stream` tolerates.
    return new TextDecoder("utf-8", { fatal: true }).decode(event.payload, { stream: cut });
  } catch {
    return null;
  }
}

/** The payload for reading: JSON indented, other text as it is, bytes as a hex dump. */
export function payloadForReading(event: BusEvent): string {
  const text = payloadText(event);
  if (text === null) return hexDump(event.payload.subarray(0, 4096));
  const json = parse(text);
  return json === undefined ? text : JSON.stringify(json, null, 2);
}

export function summarize(event: BusEvent): Summary {
  const text = payloadText(event);
  if (text === null) return plain("", "binary payload");
  const json = parse(text);
  const object = asObject(json);
  if (object && typeof object["type"] === "string" && object["type"] !== "") return gerrit(object, object["type"]);
  if (text === "") return plain("", event.retained ? "" : "empty payload");
  return plain("", text.slice(0, kTitleMax).replace(/\s+/g, " "));
}

function gerrit(event: JsonObject, type: string): Summary {
  const change = asObject(event["change"]);
  const patchSet = asObject(event["patchSet"]) ?? asObject(event["patchset"]);
  const notes = [projectOf(event, change)];
  const number = text(change?.["number"]);
  if (number) notes.push(`${number}${patchSet ? `,${text(patchSet["number"])}` : ""}`);
  notes.push(text(change?.["branch"]), personOf(event), ...votesOf(event));
  const title = text(change?.["subject"]) || refOf(event) || text(event["title"]) || text(event["headName"]) ||
    text(event["ref"]);
  return { kind: type, tone: toneOf(type), title: title.slice(0, kTitleMax), notes: notes.filter((note) => note !== "") };
}

function toneOf(type: string): Tone {
  if (/abandoned|deleted|failed|dropped/.test(type)) return "bad";
  if (/merged|succeeded|done$/.test(type)) return "good";
  if (/created|restored|published/.test(type)) return "new";
  if (/comment|reviewer|vote/.test(type)) return "talk";
  return "plain";
}

/** As the Gerrit source finds it: the first of these that says something. */
function projectOf(event: JsonObject, change: JsonObject | null): string {
  const updates = event["refUpdates"];
  const candidates = [event["project"], change?.["project"], asObject(event["refUpdate"])?.["project"],
    event["projectName"], asObject(Array.isArray(updates) ? updates[0] : null)?.["project"]];
  for (const candidate of candidates) {
    const name = text(candidate) || text(asObject(candidate)?.["name"]);
    if (name) return name;
  }
  return "";
}

const kRoles = ["author", "uploader", "submitter", "abandoner", "restorer", "adder", "remover", "deleter", "changer",
  "editor", "reviewer"];

function personOf(event: JsonObject): string {
  for (const role of kRoles) {
    const person = asObject(event[role]);
    const name = text(person?.["name"]) || text(person?.["username"]) || text(person?.["email"]);
    if (name) return name;
  }
  return "";
}

function votesOf(event: JsonObject): string[] {
  const approvals = event["approvals"];
  if (!Array.isArray(approvals)) return [];
  return approvals.slice(0, 8).flatMap((entry) => {
    const approval = asObject(entry);
    const value = Number(text(approval?.["value"]));
    const label = text(approval?.["type"]) || text(approval?.["description"]);
    if (!label || !value) return [];
    return [`${label} ${value > 0 ? "+" : "\u2212"}${Math.abs(value)}`];
  });
}

function refOf(event: JsonObject): string {
  const updates = event["refUpdates"];
  const update = asObject(event["refUpdate"]) ?? asObject(Array.isArray(updates) ? updates[0] : null);
  if (!update) return "";
  const name = text(update["refName"]).replace(/^refs\/heads\//, "");
  const [from, to] = [text(update["oldRev"]), text(update["newRev"])];
  const more = Array.isArray(updates) && updates.length > 1 ? ` and ${updates.length - 1} more` : "";
  if (/^0+$/.test(from)) return `${name} created at ${to.slice(0, 8)}${more}`;
  if (/^0+$/.test(to)) return `${name} deleted${more}`;
  return `${name} ${from.slice(0, 8)} \u2192 ${to.slice(0, 8)}${more}`;
}

function plain(kind: string, title: string): Summary {
  return { kind, tone: "plain", title, notes: [] };
}

function parse(source: string): Json | undefined {
  try {
    return JSON.parse(source) as Json;
  } catch {
    return undefined;
  }
}

function asObject(value: Json | undefined): JsonObject | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += 16) {
    const row = [...bytes.subarray(start, start + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const shown = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${start.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${shown}`);
  }
  return lines.join("\n");
}
