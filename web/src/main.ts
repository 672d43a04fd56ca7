// SPDX-License-Identifier: Apache-2.0
// Wires the page: connection -> window -> table, and the controls around them.
import { Connection } from "./connection";
import type { ConnectionState } from "./connection";
import { kPayloadKeptMax, payloadForReading } from "./event";
import type { BusEvent } from "./event";
import { EventTable, formatSize } from "./table";
import { filterMatches, filterProblem } from "./topics";
import { EventWindow, kEventsMax } from "./window";

const kDemoTopic = "firehose/source/demo/status";

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const filterInput = element<HTMLInputElement>("filter");
const problem = element("filter-problem");
const pauseButton = element<HTMLButtonElement>("pause");
const detail = element("detail");

const events = new EventWindow();
const table = new EventTable(element<HTMLTableSectionElement>("rows"), openDetail);
let filter = filterOfAddress();
let received = 0;
let opened: BusEvent | null = null;
let drawing = false;

const connection = new Connection(kDemoTopic, {
  onState: showState,
  onMessage: (topic, payload, qos, retained) => {
    if (topic === kDemoTopic) element("demo").hidden = new TextDecoder().decode(payload) !== "online";
    if (!filterMatches(filter, topic)) return; // Still under way for the filter before.
    events.push({
      id: ++received,
      at: new Date(),
      topic,
      payload: payload.slice(0, kPayloadKeptMax),
      size: payload.length,
      qos,
      retained,
    });
    draw();
  },
  onRefused: (refused) => showProblem(`The server does not grant ${refused}.`),
});
filterInput.value = filter;
connection.follow(filter);

element("controls").addEventListener("submit", (submit) => {
  submit.preventDefault();
  const wanted = filterInput.value.trim();
  const wrong = filterProblem(wanted);
  showProblem(wrong ?? "");
  if (wrong !== null) return;
  filter = wanted;
  filterInput.value = wanted;
  history.replaceState(null, "", wanted === "#" ? location.pathname : `#${encodeURIComponent(wanted)}`);
  connection.follow(filter);
  draw();
});
filterInput.addEventListener("input", () => showProblem(filterProblem(filterInput.value.trim()) ?? ""));
pauseButton.addEventListener("click", () => {
  if (events.isPaused) events.resume();
  else events.pause();
  draw();
});
element("clear").addEventListener("click", () => {
  events.clear();
  closeDetail();
  draw();
});
element("close").addEventListener("click", closeDetail);
element("copy").addEventListener("click", () => {
  const payload = element("detail-payload");
  getSelection()?.selectAllChildren(payload); // Where there is no clipboard (plain HTTP) Ctrl+C does the rest.
  void navigator.clipboard?.writeText(payload.textContent ?? "");
});
document.addEventListener("keydown", (press) => {
  if (press.key === "Escape" && !detail.hidden) closeDetail();
});

/** Draws at most once a frame, however many events come. */
function draw(): void {
  if (drawing) return;
  drawing = true;
  // A hidden tab gets no frames; it draws when it is looked at.
  requestAnimationFrame(() => {
    drawing = false;
    const shown = events.events.filter((event) => filterMatches(filter, event.topic));
    table.show(shown);
    element("empty").hidden = shown.length > 0;
    pauseButton.setAttribute("aria-pressed", String(events.isPaused));
    pauseButton.textContent = events.isPaused ? `Resume (${heldText()})` : "Pause";
    const newest = shown.length === kEventsMax ? "the newest " : "";
    element("count").textContent = `${received.toLocaleString()} received, ${newest}${shown.length} shown`;
  });
}

function heldText(): string {
  const dropped = events.heldDropped > 0 ? `, ${events.heldDropped.toLocaleString()} older dropped` : "";
  return `${events.heldCount.toLocaleString()} held${dropped}`;
}

function showState(state: ConnectionState): void {
  const words = { connecting: "connecting", live: "live", offline: "offline, trying again" };
  element("state").dataset["state"] = state;
  element("state-text").textContent = words[state];
}

function showProblem(text: string): void {
  problem.textContent = text;
  filterInput.toggleAttribute("aria-invalid", text !== "");
}

function openDetail(event: BusEvent): void {
  opened = event;
  table.select(event);
  element("detail-topic").textContent = event.topic;
  const cut = event.size > event.payload.length ? ` (the first ${formatSize(event.payload.length)} shown)` : "";
  element("detail-facts").textContent =
    `${event.at.toISOString()}, ${formatSize(event.size)}${cut}${event.retained ? ", retained" : ""}`;
  element("detail-payload").textContent = payloadForReading(event);
  element("detail-payload").scrollTop = 0;
  detail.hidden = false;
}

function closeDetail(): void {
  if (opened === null) return;
  detail.hidden = true;
  table.focusSelected();
  table.select(null);
  opened = null;
}

function filterOfAddress(): string {
  try {
    const wanted = decodeURIComponent(location.hash.slice(1));
    return filterProblem(wanted) === null ? wanted : "#";
  } catch {
    return "#";
  }
}
