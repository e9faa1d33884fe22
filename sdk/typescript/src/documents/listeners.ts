/** The listeners of a document, and what waits for a state of it. */

export type Listener<T> = (value: T) => void;

/** The listeners of one kind of news. One that fails ends nothing: it is logged, and the others are called. */
export class Listeners<T> {
  private readonly all = new Set<Listener<T>>();

  constructor(private readonly channel: string) {}

  get isEmpty(): boolean {
    return !this.all.size;
  }

  /** Add a listener; return the function that ends it. */
  add(listener: Listener<T>): () => void {
    const once: Listener<T> = (value) => listener(value); // the same function may listen twice
    this.all.add(once);
    return () => void this.all.delete(once);
  }

  tell(value: T): void {
    for (const listener of [...this.all]) {
      try {
        listener(value);
      } catch (wrong) {
        console.error(`A listener of ${this.channel} failed; mend it, the editing goes on`, wrong);
      }
    }
  }
}

/** Promises that settle when something has become true. */
export class Waiting {
  private readonly looks = new Set<() => void>();

  /** Look again, whatever each waits for. */
  wake(): void {
    for (const look of [...this.looks]) {
      look();
    }
  }

  /** Wait until `look` returns true; it throws what the promise rejects with. `late`: after `timeout` seconds. */
  until(look: () => boolean, timeout: number | undefined, late: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const end = (done: () => void): void => {
        clearTimeout(timer);
        this.looks.delete(again);
        done();
      };
      const again = (): void => {
        try {
          if (look()) {
            end(resolve);
          }
        } catch (error) {
          end(() => reject(error as Error));
        }
      };
      this.looks.add(again);
      if (timeout !== undefined) {
        timer = setTimeout(() => end(() => reject(late())), timeout * 1000);
      }
      again();
    });
  }
}
