/** Delays with full jitter below a bound that doubles from `base` to `cap`, in milliseconds. */
export class Backoff {
  private attempts = 0;

  constructor(
    readonly base = 500,
    readonly cap = 30_000,
  ) {}

  /** The next delay; `jitter` is a random number, 0 ≤ jitter < 1. */
  delay(jitter: number): number {
    return Math.min(this.cap, this.base * 2 ** Math.min(this.attempts++, 32)) * jitter;
  }

  /** Begin with short delays again. */
  reset(): void {
    this.attempts = 0;
  }
}

const FINAL = [1000, 1002, 1003, 1007, 1009];

/** Whether a client that was closed with this code connects again; unknown and missing codes (1005, 1006) do. */
export function mayComeBack(code: number): boolean {
  return !FINAL.includes(code) && !(code >= 4500 && code <= 4999);
}
