import type { Clock } from "../client/clock.js";

/** A clock that stands until a test moves it; chance is `chance`. */
export class FakeClock implements Clock {
  private time = 0;
  private slept = 0;
  private count = 0;
  private readonly timers = new Map<number, { at: number; run: () => void }>();

  constructor(public chance = 0.5) {}

  now(): number {
    return this.time;
  }

  wall(): number {
    return this.time + this.slept;
  }

  random(): number {
    return this.chance;
  }

  setTimeout(run: () => void, milliseconds: number): unknown {
    this.timers.set(++this.count, { at: this.time + milliseconds, run });
    return this.count;
  }

  clearTimeout(timer: unknown): void {
    this.timers.delete(timer as number);
  }

  /** Let so many milliseconds go by, ringing each timer at its time, with what it sets off. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await settled();
    for (;;) {
      const [next, timer] = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (next === undefined || !timer || timer.at > end) break;
      this.timers.delete(next);
      this.time = Math.max(this.time, timer.at);
      timer.run();
      await settled();
    }
    this.time = end;
  }

  /** The machine sleeps for so long, and the steady clock and its timers with it: the time of day alone goes on. */
  suspend(milliseconds: number): void {
    this.slept += milliseconds;
  }

  /** The page does not run for so long: no timer rings meanwhile, and then all that are due do, late. */
  async sleep(milliseconds: number): Promise<void> {
    this.time += milliseconds;
    await this.advance(0);
  }
}

/** Wait until everything that is under way without a timer is done. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 25; turn++) await Promise.resolve();
}
