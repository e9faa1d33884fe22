import type { RateLimits } from "../protocol.js";

/** Classes of messages whose rate the client keeps itself. */
export type PacedClass = "general" | "edit";

/**
 * What may be sent of one class in the present window, so that the client stays below the limit by itself. The user's
 * other connections count too: what the server says of the window corrects the count.
 */
export class RateWindow {
  private limit = Infinity;
  private length = 60_000;
  private count = 0;
  private endsAt = -Infinity;

  constructor(private readonly kind: PacedClass) {}

  limited(limits: RateLimits | null | undefined): void {
    this.limit = limits?.[this.kind] || Infinity;
    this.length = (limits?.window || 60) * 1000;
  }

  /** Count one message; false where it must wait. */
  take(now: number): boolean {
    if (now >= this.endsAt) {
      this.count = 0;
      this.endsAt = now + this.length;
    }
    if (this.count >= this.limit) return false;
    this.count++;
    return true;
  }

  /** The server warned: so many messages were counted, and the window ends in so many seconds. */
  warned(rate: number, resetIn: number, now: number): void {
    this.count = Math.max(now < this.endsAt ? this.count : 0, rate);
    this.endsAt = now + resetIn * 1000;
  }

  /** When a message that had to wait may be sent. */
  get opensAt(): number {
    return this.endsAt;
  }
}
