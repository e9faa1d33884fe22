import { Overflowed } from "../errors.js";
import type { HistoryPosition } from "../protocol.js";

const CAPACITY = 1000; // items that may wait for a slow reader

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: Error) => void;
}

/** Items that come by themselves, read one after the other: `for await (const item of stream)`. */
export class Stream<T> implements AsyncIterableIterator<T> {
  private readonly items: T[] = [];
  private readonly readers: Reader<T>[] = [];
  private error: Error | undefined;
  private done = false;

  constructor(
    private readonly channel: string,
    private readonly left: () => void,
    private readonly place: () => HistoryPosition | undefined = () => undefined,
  ) {}

  /** @internal */
  push(item: T): void {
    if (this.done) return;
    const reader = this.readers.shift();
    if (reader) reader.resolve({ done: false, value: item });
    else if (this.items.push(item) > CAPACITY) {
      this.items.pop();
      this.end(new Overflowed(this.channel, CAPACITY, this.place()));
    }
  }

  /** No more items; the reader gets those that wait, then the error. */
  /** @internal */
  end(error?: Error): void {
    if (this.done) return;
    this.done = true;
    this.error = error;
    this.left();
    for (const reader of this.readers.splice(0)) this.finish(reader);
  }

  /** False once no more items come. */
  get isOpen(): boolean {
    return !this.done;
  }

  /** The next item. Rejects with Overflowed, PositionLost and what else ends the stream. */
  next(): Promise<IteratorResult<T>> {
    if (this.items.length) return Promise.resolve({ done: false, value: this.items.shift()! });
    return new Promise((resolve, reject) => {
      if (this.done) this.finish({ resolve, reject });
      else this.readers.push({ resolve, reject });
    });
  }

  /** End the stream, as `break` does in a loop. */
  return(): Promise<IteratorResult<T>> {
    this.items.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private finish(reader: Reader<T>): void {
    const error = this.error;
    this.error = undefined;
    if (error) reader.reject(error);
    else reader.resolve({ done: true, value: undefined });
  }
}
