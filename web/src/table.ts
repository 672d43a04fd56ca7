// SPDX-License-Identifier: Apache-2.0
// The table of events, newest first. Rows are made once and kept; the keyboard moves between them.
import { summarize } from "./event";
import type { BusEvent } from "./event";

const kClock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export class EventTable {
  private readonly rows = new Map<number, HTMLTableRowElement>();
  private readonly events = new Map<number, BusEvent>();
  private selected: number | null = null;

  constructor(private readonly body: HTMLTableSectionElement, private readonly open: (event: BusEvent) => void) {
    body.addEventListener("click", (click) => this.openRow(click.target));
    body.addEventListener("keydown", (press) => this.onKey(press));
  }

  /** Shows exactly these events (oldest first), re-using the rows that are there. */
  show(events: readonly BusEvent[]): void {
    const wanted = new Set(events.map((event) => event.id));
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.remove();
      this.rows.delete(id);
      this.events.delete(id);
    }
    // Newest first: walk from the oldest up and put what is missing before its elder.
    let elder: HTMLTableRowElement | null = null;
    for (const event of events) {
      let row = this.rows.get(event.id);
      if (!row) {
        row = makeRow(event);
        this.rows.set(event.id, row);
        this.events.set(event.id, event);
        this.body.insertBefore(row, elder ?? null);
      }
      elder = row;
    }
    this.keepOneTabStop();
  }

  select(event: BusEvent | null): void {
    if (this.selected !== null) this.rows.get(this.selected)?.removeAttribute("aria-selected");
    this.selected = event?.id ?? null;
    if (event) this.rows.get(event.id)?.setAttribute("aria-selected", "true");
    this.keepOneTabStop();
  }

  focusSelected(): void {
    const row = this.selected === null ? undefined : this.rows.get(this.selected);
    (row ?? this.body.rows[0])?.focus();
  }

  private keepOneTabStop(): void {
    const stop = (this.selected !== null && this.rows.get(this.selected)) || this.body.rows[0];
    for (const row of this.body.querySelectorAll<HTMLElement>('tr[tabindex="0"]')) row.tabIndex = -1;
    if (stop) stop.tabIndex = 0;
  }

  private openRow(target: EventTarget | null): void {
    const row = target instanceof Element ? target.closest("tr") : null;
    const event = row ? this.events.get(Number(row.dataset["id"])) : undefined;
    if (event) this.open(event);
  }

  private onKey(press: KeyboardEvent): void {
    const row = press.target instanceof Element ? press.target.closest("tr") : null;
    if (!row) return;
    if (press.key === "Enter" || press.key === " ") this.openRow(row);
    else if (press.key === "ArrowDown") this.focusRow(row.nextElementSibling);
    else if (press.key === "ArrowUp") this.focusRow(row.previousElementSibling);
    else if (press.key === "Home") this.focusRow(this.body.firstElementChild);
    else if (press.key === "End") this.focusRow(this.body.lastElementChild);
    else return;
    press.preventDefault();
  }

  private focusRow(row: Element | null): void {
    if (!(row instanceof HTMLElement)) return;
    row.focus();
    row.scrollIntoView({ block: "nearest" });
    if (this.selected !== null) this.openRow(row); // An open detail follows the keyboard.
  }
}

function makeRow(event: BusEvent): HTMLTableRowElement {
  const summary = summarize(event);
  const row = document.createElement("tr");
  row.dataset["id"] = String(event.id);
  row.tabIndex = -1;

  const time = cell("time", kClock.format(event.at));
  time.title = event.at.toISOString();
  const what = cell("event", "");
  const first = part("div", "first", "");
  if (summary.kind) {
    const kind = part("span", "kind", summary.kind);
    kind.dataset["tone"] = summary.tone;
    first.append(kind, " ");
  }
  if (event.retained) first.append(part("span", "kind retained", "retained"), " ");
  first.append(part("span", "title", summary.title));
  what.append(first);
  if (summary.notes.length) {
    const notes = part("div", "notes", "");
    for (const note of summary.notes) notes.append(part("span", "note", note));
    what.append(notes);
  }
  const topic = cell("topic", event.topic);
  topic.title = event.topic;
  row.append(time, what, topic, cell("size", formatSize(event.size)));
  return row;
}

function cell(name: string, text: string): HTMLTableCellElement {
  return part("td", name, text);
}

function part<Name extends keyof HTMLElementTagNameMap>(tag: Name, name: string, text: string): HTMLElementTagNameMap[Name] {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}
