import { Overflowed } from "../errors.js";
import type { HistoryPosition } from "../protocol.js";

const CAPACITY = 1000; // items that may wait for a slow reader

/** Items that come by themselves, read one after the other: `for await (const item of stream)`. */
export class Stream<T> implements AsyncIterableIterator<T> {
  private readonly items: T[] = [];
  private reader: { resolve: (result: IteratorResult<T>) => void; reject: (error: Error) => void } | undefined;
  private error: Error | undefined;
  private done = false;

  constructor(
    private readonly channel: string,
    private readonly left: () => void,
    private readonly place: () => HistoryPosition | undefined = () => undefined,
  ) {}

  push(item: T): void {
    if (this.done) return;
    if (this.reader) this.take()?.resolve({ done: false, value: item });
    else if (this.items.push(item) > CAPACITY) {
      this.items.pop();
      this.end(new Overflowed(this.channel, CAPACITY, this.place()));
    }
  }

  /** No more items; the reader gets those that wait, then the error. */
  end(error?: Error): void {
    if (this.done) return;
    this.done = true;
    this.error = error;
    this.left();
    const reader = this.take();
    if (reader) this.finish(reader);
  }

  /** False once no more items come. */
  get isOpen(): boolean {
    return !this.done;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.items.length) return Promise.resolve({ done: false, value: this.items.shift()! });
    return new Promise((resolve, reject) => {
      if (this.done) this.finish({ resolve, reject });
      else this.reader = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.items.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private take(): typeof this.reader {
    const reader = this.reader;
    this.reader = undefined;
    return reader;
  }

  private finish(reader: NonNullable<typeof this.reader>): void {
    const error = this.error;
    this.error = undefined;
    if (error) reader.reject(error);
    else reader.resolve({ done: true, value: undefined });
  }
}
