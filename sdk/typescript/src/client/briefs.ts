import { BriefFailedError, ConnectionClosed } from "../errors.js";
import type {
  BriefCompletePayload,
  BriefEnd,
  BriefGenerationCompleteMessage,
  BriefGenerationFailedMessage,
  BriefGenerationProgressMessage,
  BriefGenerationStartedMessage,
  BriefRequestPayloadInput,
  ServerMessage,
} from "../protocol.js";
import type { ChannelStream, DossierRealtimeClient } from "./client.js";

/** The messages of one brief: its start, its steps, its one end. */
export type BriefMessage =
  | BriefGenerationStartedMessage
  | BriefGenerationProgressMessage
  | BriefGenerationCompleteMessage
  | BriefGenerationFailedMessage;

/** A brief that was asked for: iterate over its messages, or wait for its `result`. Leaving it does not cancel it. */
export class BriefGeneration implements AsyncIterable<BriefMessage> {
  private end: BriefGenerationCompleteMessage | BriefGenerationFailedMessage | undefined;
  private readonly messages: AsyncGenerator<BriefMessage, void, undefined>;

  constructor(
    readonly requestId: string,
    private readonly live: ChannelStream,
    private readonly client: DossierRealtimeClient,
  ) {
    this.messages = this.follow();
  }

  [Symbol.asyncIterator](): AsyncIterator<BriefMessage> {
    return this.messages;
  }

  /** Wait for the end. Rejects with BriefFailedError where the brief failed or was cancelled. */
  async result(): Promise<BriefCompletePayload> {
    for await (const _ of this.messages);
    if (!this.end) throw new ConnectionClosed("The brief was no longer followed; read it by its requestId");
    if (this.end.type === "brief_generation_complete") return this.end.payload;
    throw new BriefFailedError(this.end.payload.error, this.end.payload.fallback_available);
  }

  /** Cancel the brief; its end: `complete` or `failed` where it had ended before. */
  cancel(): Promise<BriefEnd> {
    return this.client.cancelBrief(this.requestId);
  }

  private async *follow(): AsyncGenerator<BriefMessage, void, undefined> {
    try {
      for await (const message of this.live) {
        if (!isOfBrief(message) || message.request_id !== this.requestId) continue;
        const last = message.type === "brief_generation_complete" || message.type === "brief_generation_failed";
        if (last) this.end = message;
        yield message;
        if (last) return;
      }
    } finally {
      void this.live.return();
    }
  }
}

function isOfBrief(message: ServerMessage): message is BriefMessage {
  return message.type.startsWith("brief_generation_");
}

export async function requestBriefOf(
  client: DossierRealtimeClient,
  payload: BriefRequestPayloadInput,
  key: string,
): Promise<BriefGeneration> {
  await client.connect();
  // Before the request, so that none of its messages is missed.
  const live = client.stream(`user:${client.userId}`);
  try {
    await live.ready;
    const answer = await client.request({ type: "brief_request", payload, idempotency_key: key });
    return new BriefGeneration((answer.type === "ack" && answer.request_id) || "", live, client);
  } catch (wrong) {
    void live.return();
    throw wrong;
  }
}
