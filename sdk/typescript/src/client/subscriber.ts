import { ConnectionClosed, NotSubscribed, PositionLost } from "../errors.js";
import type { HistoryPosition, ServerMessage } from "../protocol.js";
import type { DocumentHooks, PresenceState, SubscribeHandlers, Subscription, SubscriptionStatus } from "./interface.js";
import { UnknownMessage } from "./reading.js";

/** What a subscriber needs of its session. */
export interface SubscriberHome {
  status(channel: string): SubscriptionStatus;
  leave(subscriber: Subscriber): void;
  reload(channel: string): void;
}

/** One call of `subscribe`: its handlers, the place that it has reached, and its end. */
export class Subscriber implements Subscription {
  position: HistoryPosition | undefined;
  ended = false;
  private error: Error | undefined;
  private confirmed = false;
  private waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(
    readonly channel: string,
    private readonly handlers: SubscribeHandlers,
    readonly document: DocumentHooks | undefined,
    private readonly home: SubscriberHome,
  ) {}

  get status(): SubscriptionStatus {
    return this.ended ? "ended" : this.home.status(this.channel);
  }

  ready(): Promise<void> {
    if (this.ended) return Promise.reject(this.error ?? this.gone());
    if (this.confirmed) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  unsubscribe(): void {
    if (!this.ended) this.home.leave(this);
  }

  reload(): void {
    if (!this.ended) this.home.reload(this.channel);
  }

  // --- of the session

  begin(position: HistoryPosition | undefined): void {
    if (this.confirmed) return;
    this.confirmed = true;
    this.position = position;
    for (const { resolve } of this.waiting.splice(0)) resolve();
  }

  message(message: ServerMessage | UnknownMessage, position: HistoryPosition | undefined): void {
    if (this.ended) return;
    this.position = position;
    if (message instanceof UnknownMessage) this.call(this.handlers.onUnknown, message);
    else this.call(this.handlers.onMessage, message);
  }

  presence(presence: PresenceState): void {
    if (!this.ended) this.call(this.handlers.onPresence, presence);
  }

  fault(error: Error): void {
    if (error instanceof PositionLost) this.position = error.now;
    if (this.handlers.onError) this.call(this.handlers.onError, error);
    else console.warn(`${error.message} (subscribe with onError to receive it)`);
  }

  end(error?: Error): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    for (const { reject } of this.waiting.splice(0)) reject(error ?? this.gone());
    if (error && !(error instanceof ConnectionClosed && error.code === 0)) this.fault(error);
    this.call(this.handlers.onEnd, error);
  }

  private gone(): Error {
    return new NotSubscribed(`${this.channel} was unsubscribed; subscribe again`);
  }

  /** An error of the program's own handler ends nothing: it is logged, and shown to its `onError`. */
  private call<T>(handler: ((value: T) => unknown) | undefined, value: T): void {
    guarded(handler, value, (wrong) => {
      if (handler !== (this.handlers.onError as unknown) && wrong instanceof Error && this.handlers.onError) {
        guarded(this.handlers.onError, wrong);
      }
    });
  }
}

/** Call a program's handler, sync or async; its errors are logged and given to `failed`. */
export function guarded<T>(handler: ((value: T) => unknown) | undefined, value: T, failed?: (wrong: unknown) => void): void {
  const report = (wrong: unknown): void => {
    console.error("A handler failed; mend it, the connection goes on:", wrong);
    failed?.(wrong);
  };
  try {
    const result = handler?.(value);
    if (result instanceof Promise) result.catch(report);
  } catch (wrong) {
    report(wrong);
  }
}
