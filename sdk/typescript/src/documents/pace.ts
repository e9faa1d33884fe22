/**
 * The pace of a user's edits: typing is sent as one operation an interval, within the server's limit.
 *
 * The limit belongs to the user, over all documents and connections, so the documents of one client share a pace. Times
 * are seconds on a steady clock. Source: docs/protocol.md#pace-of-edits.
 */
import type { RateLimits, RateLimitWarningPayload } from "../protocol.js";

const EDIT_INTERVAL = 0.12; // seconds between two operations in one document: 500 a minute, of 600 that are allowed
const RESERVE = 0.9; // of what is left of a limit, that is used: another connection of the user may edit too
const THROTTLED_FACTOR = 3; // an interval so many times as long as the shortest one is felt by its user

/** The edits of one client in the present window of the server's limit, and the interval that keeps within it. */
export class EditPace {
  private shortest: number;
  private limit = 600;
  private budget = 600;
  private window = 60;
  private ends = -Infinity; // of the present window
  private used = 0; // edits of the user in it, as far as known
  private own = 0; // of them, those of this client
  private isWarned = false;

  /** `configured`: the shortest time between two operations in one document, in seconds; 0 sends every edit at once. */
  constructor(private readonly configured = EDIT_INTERVAL) {
    this.shortest = configured;
  }

  /** Take the limits of the session, as `auth_success` names them. */
  limited(limits: RateLimits | null | undefined): void {
    if (!limits) {
      return;
    }
    this.limit = this.budget = Math.max(limits.edit, 1);
    this.window = Math.max(limits.window, 1);
    this.shortest = Math.min(this.configured, (1.2 * this.window) / this.limit);
  }

  /** Count an edit. */
  sent(now: number): void {
    this.roll(now);
    this.used += 1;
    this.own += 1;
  }

  /** Take a warning: what is left of the window is spread over it, and later windows get a smaller share. */
  warned(warning: RateLimitWarningPayload, now: number): void {
    if (warning.class === "edit") {
      this.restrain(warning.current_rate, warning.limit, now + warning.reset_in);
    }
  }

  /** Take the refusal of an edit: nothing is left of the window. */
  exceeded(retryAfter: number, now: number): void {
    this.restrain(this.limit, this.limit, now + retryAfter);
  }

  /** Return the time to keep between two operations in one document. */
  interval(now: number): number {
    if (!this.configured) {
      return 0;
    }
    this.roll(now);
    let steady = this.shortest;
    if (this.budget < this.limit) {
      steady = Math.max(steady, this.window / (RESERVE * this.budget));
    }
    if (this.used * 2 <= this.limit || now >= this.ends) {
      return steady;
    }
    return Math.max(steady, (this.ends - now) / Math.max(RESERVE * (this.limit - this.used), 1));
  }

  /** Return true while the limit makes edits wait so long that their user notices. */
  isThrottled(now: number): boolean {
    return this.interval(now) > THROTTLED_FACTOR * this.shortest;
  }

  private restrain(used: number, limit: number, ends: number): void {
    const share = this.own / Math.max(used, this.own, 1);
    this.budget = Math.min(this.budget, Math.max(Math.floor(limit * share), 1));
    this.used = Math.max(used, this.used);
    this.ends = ends;
    this.isWarned = true;
  }

  private roll(now: number): void {
    if (now < this.ends) {
      return;
    }
    if (!this.isWarned) {
      this.budget = Math.min(this.limit, 2 * this.budget); // the user's other connections have become quiet
    }
    this.ends = now + this.window;
    this.used = this.own = 0;
    this.isWarned = false;
  }
}
