import { QueueFull } from "../errors.js";
import type { Answer } from "./interface.js";
import type { RateWindow } from "./rate_window.js";

/** One send without its answer. `deadline` is on the steady clock; `pauses` counts the server's requests to wait. */
export interface PendingSend {
  readonly ref: string;
  readonly frame: string;
  readonly key: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  deadline: number;
  pauses: number;
  place: number;
}

/**
 * Sends that wait for their answer: bounded, in order, sent again after every reconnect. Of `capacity` sends up to
 * `window` are in flight; after a refusal by the rate it is one, until an answer comes.
 */
export class SendQueue {
  private waiting = new Map<string, PendingSend>();
  private inFlight = new Map<string, PendingSend>();
  private width: number;
  private places = 0;
  private held = false;
  pausedUntil = -Infinity;

  constructor(
    readonly rate: RateWindow,
    private readonly capacity = 1000,
    private readonly window = 64,
  ) {
    this.width = window;
  }

  get size(): number {
    return this.waiting.size + this.inFlight.size;
  }

  /** Append a send. Throws QueueFull. */
  add(send: PendingSend): void {
    if (this.size >= this.capacity) {
      throw new QueueFull(`${this.capacity} sends wait for their ack; await earlier ones`);
    }
    send.place = ++this.places;
    this.waiting.set(send.ref, send);
  }

  /** Write the frames that may be sent now, in order. */
  take(now: number, write: (frame: string) => void): void {
    this.held = false;
    for (const [ref, send] of this.waiting) {
      if (now < this.pausedUntil || this.inFlight.size >= this.width) return;
      if (!this.rate.take(now)) {
        this.held = true;
        return;
      }
      this.waiting.delete(ref);
      this.inFlight.set(ref, send);
      write(send.frame);
    }
  }

  /** Remove and return the answered send; undefined for a ref that does not wait (any more). */
  answered(ref: string): PendingSend | undefined {
    const send = this.inFlight.get(ref);
    if (send) {
      this.inFlight.delete(ref);
      this.width = this.window;
    }
    return send;
  }

  find(ref: string): PendingSend | undefined {
    return this.inFlight.get(ref);
  }

  forget(ref: string): void {
    this.waiting.delete(ref);
    this.inFlight.delete(ref);
  }

  pause(until: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until);
  }

  /** Put a send that the server asked to delay back in its old place. */
  again(send: PendingSend): void {
    send.pauses++;
    this.width = 1;
    this.inFlight.delete(send.ref);
    this.lineUp([...this.waiting.values(), send]);
  }

  /** Queue every send in flight again, in its order: the connection is lost. */
  disconnected(): void {
    this.lineUp(this.all);
    this.inFlight.clear();
  }

  /** Remove and return the sends of which `which` is true. */
  remove(which: (send: PendingSend) => boolean): PendingSend[] {
    const found = this.all.filter(which);
    for (const send of found) this.forget(send.ref);
    return found;
  }

  /** Defer every deadline to `until` at the earliest. */
  grant(until: number): void {
    for (const part of [this.inFlight, this.waiting]) {
      for (const send of part.values()) send.deadline = Math.max(send.deadline, until);
    }
  }

  /** The time of the next deadline, or end of a pause; Infinity without one. */
  deadline(now: number): number {
    let due = Infinity;
    for (const part of [this.inFlight, this.waiting]) {
      for (const send of part.values()) {
        due = Math.min(due, send.deadline);
        break; // deadlines grow along the queue
      }
    }
    if (this.waiting.size && this.pausedUntil > now) due = Math.min(due, this.pausedUntil);
    if (this.held) due = Math.min(due, this.rate.opensAt);
    return due;
  }

  private get all(): PendingSend[] {
    return [...this.inFlight.values(), ...this.waiting.values()];
  }

  private lineUp(sends: PendingSend[]): void {
    this.waiting = new Map(sends.sort((a, b) => a.place - b.place).map((send) => [send.ref, send]));
  }
}
