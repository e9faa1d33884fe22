/** The panes of the room: each shows what its messages said, and keeps no more rows than can be read. */
import type { InboxEvent } from "../src/client/inbox.js";
import type { PresenceState } from "../src/client/interface.js";
import type {
  BriefProgressPayload,
  CommitmentAlertPayload,
  DossierUpdatePayload,
  TaskUpdatePayload,
} from "../src/protocol.js";
import type { Speech } from "./words.js";

const MAX_ROWS = 8;
const COLORS = ["#0b7285", "#a61e4d", "#2b8a3e", "#5f3dc4", "#d9480f", "#364fc7"];

/** Return the element of the page with this id. */
export function part<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found as Kind;
}

/** Return a user's colour, the same on every screen. */
export function colorOf(userId: string): string {
  let sum = 0;
  for (const letter of userId) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return COLORS[sum % COLORS.length] as string;
}

function row(text: string): HTMLLIElement {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function fill(id: string, rows: readonly HTMLLIElement[], none: string): void {
  const empty = row(none);
  empty.className = "none";
  part(id).replaceChildren(...(rows.length > 0 ? rows : [empty]));
}

/** A list whose newest row comes first. */
class Feed {
  readonly #rows: HTMLLIElement[] = [];

  constructor(
    private readonly id: string,
    none: string,
  ) {
    fill(id, [], none);
  }

  add(text: string): void {
    this.#rows.unshift(row(text));
    this.#rows.length = Math.min(this.#rows.length, MAX_ROWS);
    part(this.id).replaceChildren(...this.#rows);
  }
}

/** All panes but the document's. */
export class Panes {
  readonly #speech: Speech;
  readonly #dossier: Feed;
  readonly #inbox: Feed;
  readonly #tasks = new Map<string, string>();

  constructor(speech: Speech) {
    this.#speech = speech;
    const none = speech.say("none");
    this.#dossier = new Feed("dossier", none);
    this.#inbox = new Feed("inbox", none);
    for (const id of ["present", "tasks"]) fill(id, [], none);
    for (const id of ["alert", "brief"]) part(id).textContent = none;
  }

  /** Show the users on the dossier; `me` is marked. */
  present(state: PresenceState, me: string | undefined): void {
    const rows = state.users.map((user) => {
      const item = row("");
      const dot = document.createElement("span");
      dot.className = "dot";
      dot.style.background = colorOf(user.user_id);
      const more = [user.user_id === me ? this.#speech.say("you") : "", user.activity === "editing" ? this.#speech.say("editing") : ""];
      const words = more.filter((word) => word !== "").join(", ");
      item.append(dot, words === "" ? user.name : `${user.name} (${words})`);
      return item;
    });
    const left = state.count - state.users.length;
    if (left > 0) rows.push(row(this.#speech.say("hidden", { count: left })));
    fill("present", rows, this.#speech.say("none"));
  }

  /** Show a change of the dossier. */
  changed(update: DossierUpdatePayload): void {
    this.#dossier.add(this.#speech.say("entry", { name: update.updated_by.name, fields: update.fields_changed.join(", ") }));
  }

  /** Show what waits for the guest. */
  waiting(event: InboxEvent): void {
    this.#inbox.add(this.#sentence(event));
  }

  #sentence(event: InboxEvent): string {
    const speech = this.#speech;
    switch (event.type) {
      case "notification":
        return `${speech.local(event.payload.title)} — ${speech.local(event.payload.message)}`;
      case "task_assigned":
        return speech.say("assigned", { title: speech.local(event.payload.title), name: event.payload.assigned_by.name });
      case "commitment_alert":
        return speech.say("raised", { title: speech.local(event.payload.title), level: event.payload.alert_level });
      case "brief_generation_complete":
        return speech.say("complete");
      case "brief_generation_failed":
        return speech.say("not_complete", { reason: speech.local(event.payload.error) });
    }
  }

  /** Show an alert with its level. */
  alerted(alert: CommitmentAlertPayload): void {
    const days = this.#speech.say("days", { count: alert.days_until_deadline });
    const line = document.createElement("p");
    line.className = "level";
    line.dataset.level = String(alert.alert_level);
    line.textContent = this.#speech.say("level", { level: alert.alert_level, days });
    const title = document.createElement("p");
    title.textContent = this.#speech.local(alert.title);
    part("alert").replaceChildren(title, line);
  }

  /** Show by whom the alert was acknowledged. */
  acknowledged(name: string): void {
    const line = document.createElement("p");
    line.textContent = this.#speech.say("acknowledged", { name });
    part("alert").append(line);
  }

  /** Show how far a brief is. */
  progress(payload: BriefProgressPayload): void {
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = payload.progress;
    bar.setAttribute("aria-label", this.#speech.say("brief"));
    part("brief").replaceChildren(bar, `${this.#speech.named(payload.stage)} — ${this.#speech.local(payload.message)}`);
  }

  /** Show the end of a brief. */
  briefEnded(text: string): void {
    part("brief").textContent = text;
  }

  /** Show a task in its new status. */
  task(title: string, update: TaskUpdatePayload): void {
    this.#tasks.delete(update.task_id);
    this.#tasks.set(update.task_id, this.#speech.say("task", { title, status: this.#speech.named(update.new_status) }));
    fill("tasks", [...this.#tasks.values()].reverse().slice(0, MAX_ROWS).map(row), this.#speech.say("none"));
  }
}
