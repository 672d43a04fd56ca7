// SPDX-License-Identifier: Apache-2.0
// The newest events, bounded by number and by bytes, and a pause that holds newcomers back.
import type { BusEvent } from "./event";

export const kEventsMax = 500;
const kBytesMax = 32 * 1024 * 1024;

class Bounded {
  events: BusEvent[] = []; // Oldest first.
  dropped = 0;
  private bytes = 0;

  push(event: BusEvent): void {
    this.events.push(event);
    this.bytes += event.payload.length;
    while (this.events.length > kEventsMax || (this.bytes > kBytesMax && this.events.length > 1)) {
      this.bytes -= this.events.shift()!.payload.length;
      ++this.dropped;
    }
  }

  take(): BusEvent[] {
    const taken = this.events;
    this.events = [];
    this.bytes = 0;
    this.dropped = 0;
    return taken;
  }
}

export class EventWindow {
  private readonly shown = new Bounded();
  private readonly held = new Bounded();
  private paused = false;

  get events(): readonly BusEvent[] {
    return this.shown.events;
  }
  get isPaused(): boolean {
    return this.paused;
  }
  /** Events that arrived during the pause: what resuming shows, and what no longer fitted. */
  get heldCount(): number {
    return this.held.events.length;
  }
  get heldDropped(): number {
    return this.held.dropped;
  }

  push(event: BusEvent): void {
    (this.paused ? this.held : this.shown).push(event);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    for (const event of this.held.take()) this.shown.push(event);
  }
  clear(): void {
    this.shown.take();
    this.held.take();
  }
}
