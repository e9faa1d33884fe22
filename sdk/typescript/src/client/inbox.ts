import type {
  Actor,
  BriefGenerationCompleteMessage,
  BriefGenerationFailedMessage,
  CommitmentAlertMessage,
  LocalizedText,
  NotificationMessage,
  Priority,
  ServerMessage,
  TaskAssignedMessage,
} from "../protocol.js";
import { Overflowed, PositionLost } from "../errors.js";
import type { DossierRealtimeClient } from "./client.js";

const MAX_SEEN = 20_000; // ids of entries that were handed out: bounds an inbox that is read for years

/** An event that waits for the user and wants a person. */
export type InboxEvent =
  | NotificationMessage
  | TaskAssignedMessage
  | CommitmentAlertMessage
  | BriefGenerationCompleteMessage
  | BriefGenerationFailedMessage;

/** A task, as one channel speaks of it. `changed`: Unix seconds. */
export interface TaskRow {
  readonly task_id: string;
  readonly channel: string;
  readonly changed: number;
  readonly status?: "pending" | "in_progress" | "completed" | "cancelled";
  readonly assigned_to?: string;
  readonly updated_by?: string;
  readonly title?: LocalizedText;
  readonly assigned_by?: Actor;
  readonly due_date?: string;
  readonly priority?: Priority;
}

interface InboxPage {
  readonly entries: readonly { readonly event?: InboxEvent }[];
  readonly unread: number;
  readonly next?: number;
}

/** The id of the entry that a message makes in an inbox; undefined where it makes none. */
export function entryId(message: ServerMessage): string | undefined {
  switch (message.type) {
    case "notification":
      return message.payload.id;
    case "task_assigned":
      return `task.${message.payload.task_id}`;
    case "commitment_alert": {
      const { commitment_id, alert_level, restarts } = message.payload;
      return `alert.${commitment_id}.${alert_level}${restarts === undefined ? "" : `-${restarts}`}`;
    }
    case "brief_generation_complete":
    case "brief_generation_failed":
      return `brief.${message.request_id}`;
    default:
      return undefined;
  }
}

/** Iterate over what waits: the unread entries, oldest first, then live ones; each once, over all reconnects. */
export async function* inboxOf(client: DossierRealtimeClient): AsyncGenerator<InboxEvent, void, undefined> {
  await client.connect();
  const seen = new Set<string>();
  const first = (message: ServerMessage): message is InboxEvent => {
    const id = entryId(message);
    if (id === undefined || seen.has(id)) return false;
    seen.add(id);
    if (seen.size > MAX_SEEN) seen.delete(seen.values().next().value!);
    return true;
  };
  for (;;) {
    const live = client.stream(`user:${client.userId}`);
    try {
      // After the confirmation, so that an event is in the inbox already or still comes.
      await live.ready;
      for await (const entry of waiting(client)) if (first(entry)) yield entry;
      for await (const message of live) {
        if (first(message)) yield message;
        if (message.type === "inbox_state" && message.payload.returned?.length) {
          const returned = new Set(message.payload.returned);
          for (const id of returned) seen.delete(id);
          for await (const entry of waiting(client)) if (returned.has(entryId(entry)!) && first(entry)) yield entry;
        }
      }
      return;
    } catch (wrong) {
      // What was missed waits in the inbox.
      if (!(wrong instanceof Overflowed || wrong instanceof PositionLost)) throw wrong;
    } finally {
      void live.return();
    }
  }
}

async function* waiting(client: DossierRealtimeClient): AsyncGenerator<InboxEvent, void, undefined> {
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page: InboxPage = await client.read<InboxPage>(`/v1/inbox?unread=true&after=${after}`);
    for (const { event } of page.entries) if (event && entryId(event)) yield event;
    after = page.next ?? undefined;
  }
}

export async function unreadOf(client: DossierRealtimeClient): Promise<number> {
  return (await client.read<InboxPage>("/v1/inbox?unread=true&limit=1")).unread;
}

export async function* tasksOf(
  client: DossierRealtimeClient,
  of: { channel?: string; assignee?: string },
): AsyncGenerator<TaskRow, void, undefined> {
  const asked = new URLSearchParams(Object.entries(of).filter(([, value]) => value) as [string, string][]);
  if (!asked.size) throw new RangeError("Name a channel, an assignee or both");
  for (;;) {
    const page = await client.read<{ tasks: TaskRow[]; next?: string }>(`/v1/tasks?${asked}`);
    yield* page.tasks;
    if (page.next == null) return;
    asked.set("after", page.next);
  }
}
