/** Time, timers and chance, as arguments: a test sets them. Times are milliseconds on a steady clock. */
export interface Clock {
  /** Milliseconds on the steady clock. */
  now(): number;
  /** Call `run` once, after so many milliseconds; what is returned ends it. */
  setTimeout(run: () => void, milliseconds: number): unknown;
  /** End a timer. */
  clearTimeout(timer: unknown): void;
  /** A random number, 0 ≤ n < 1. */
  random(): number;
  /** The time of day in milliseconds, which goes on while the machine sleeps; a steady clock may stand then. */
  wall?(): number;
}

const MAX_TIMER = 0x7fffffff; // a longer one would ring at once

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (run, milliseconds) => setTimeout(run, Math.min(milliseconds, MAX_TIMER)),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: Math.random,
  wall: Date.now,
};
