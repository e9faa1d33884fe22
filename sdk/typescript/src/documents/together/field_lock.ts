/** A soft lock on a field or a clause: it says to others that the user works there, and refuses no edit. */
import type { RealtimeConnection } from "../../client/interface.js";
import { ConnectionClosed, DeniedError } from "../../errors.js";
import type { LockStatePayload } from "../../protocol.js";
import { isForNow } from "../refusals.js";

const LEASE = 30; // seconds
const RENEWALS = 3; // of a lease, while it runs

/**
 * A lock that `hold` took, renewed until `release`.
 *
 * While another user has the field, it is asked for again with each renewal and as soon as it is free.
 * `client.presence(channel).locks` has all of a channel.
 */
export class FieldLock {
  /**
   * The state that the service told last: `user_id`, `name` and `expires_in` of the holder. Without `user_id` once a
   * renewal was denied, or could not be told before the lease was over.
   */
  holder: LockStatePayload;
  private toldAt = 0; // in milliseconds
  private lapse: ReturnType<typeof setTimeout> | undefined; // runs while the holder may not be known any more
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isReleased = false;
  private unwatch: (() => void) | undefined; // ends the look for the moment in which the field is free

  /** Use `hold`. */
  constructor(
    private readonly client: RealtimeConnection,
    readonly channel: string,
    readonly field: string,
    private readonly seconds: number,
  ) {
    this.holder = { field };
  }

  /** True while the user has the field, as far as the service told. */
  get isOwn(): boolean {
    return this.holder.user_id !== undefined && this.holder.user_id === this.client.userId;
  }

  /** Ask for the field, or hold it longer; true where the user has it then. Rejects with DeniedError, TimedOut and others. */
  async take(): Promise<boolean> {
    const { channel, field, seconds } = this;
    this.isReleased = false;
    this.watch();
    const answer = await this.client.request({ type: "lock", channel, payload: { field, seconds } });
    if (answer.type === "lock_state" && !this.isReleased) {
      this.told(answer.payload);
      this.renewLater();
    }
    return this.isOwn;
  }

  /** Release the field, if the user has it. Rejects as `take`; without a connection the lock ends by itself. */
  async release(): Promise<void> {
    const { channel, field } = this;
    this.end();
    const answer = await this.client.request({ type: "unlock", channel, payload: { field } });
    if (answer.type === "lock_state") {
      this.told(answer.payload);
    }
  }

  /** End the lock here, without telling the service. */
  end(): void {
    this.isReleased = true;
    this.unwatch?.();
    this.unwatch = undefined;
    clearTimeout(this.timer);
    clearTimeout(this.lapse);
  }

  private told(holder: LockStatePayload): void {
    clearTimeout(this.lapse);
    this.holder = holder;
    this.toldAt = performance.now();
  }

  /** Let the holder be nobody once the lease that was told is over. */
  private lapseLater(): void {
    clearTimeout(this.lapse);
    const until = this.toldAt + (this.holder.expires_in ?? 0) * 1000;
    this.lapse = setTimeout(() => this.told({ field: this.field }), Math.max(0, until - performance.now()));
  }

  private watch(): void {
    this.unwatch ??= this.client.on("lock_state", ({ channel, payload }) => {
      const isFreed = channel === this.channel && payload.field === this.field && payload.user_id == null;
      if (isFreed && !this.isOwn && !this.isReleased && this.timer !== undefined) {
        clearTimeout(this.timer);
        void this.renew();
      }
    });
  }

  private renewLater(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.renew(), (this.seconds * 1000) / RENEWALS);
  }

  private async renew(): Promise<void> {
    if (this.isOwn) this.lapseLater(); // the answer may take longer than the lease
    try {
      await this.take();
    } catch (error) {
      if (error instanceof DeniedError && !isForNow(error.errorCode)) {
        this.told({ field: this.field }); // denied now; the next attempt may not be
      } else if (!this.isReleased) {
        this.lapseLater(); // no answer says nothing of the lease
      }
      if (!(error instanceof ConnectionClosed) && !this.isReleased) {
        this.renewLater();
      }
    }
  }
}

/**
 * Take a soft lock on a field of a subscribed channel, and hold it until `release`.
 *
 *     const lock = await hold(client, document.channel, "clause.3");
 *     if (!lock.isOwn) console.log(`${lock.holder.name} works on this clause`);
 *     await lock.release();
 *
 * `seconds`: its lease, 5 to 300. It needs `write`. Rejects with DeniedError where the service refuses it.
 */
export async function hold(
  client: RealtimeConnection,
  channel: string,
  field: string,
  { seconds = LEASE }: { readonly seconds?: number } = {},
): Promise<FieldLock> {
  const lock = new FieldLock(client, channel, field, seconds);
  try {
    await lock.take();
  } catch (error) {
    lock.end();
    throw error;
  }
  return lock;
}
