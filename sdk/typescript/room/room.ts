/** The room: one client, a dossier with its users, a shared text, and what waits for this guest. */
import { AuthFailed, DossierRealtimeClient } from "../src/index.js";
import { openDocument } from "../src/documents/index.js";
import type { CommitmentAlertPayload, PresentUser } from "../src/protocol.js";
import { bindTextarea } from "../src/textarea/index.js";
import { tellActivity } from "./activity.js";
import { Commitment } from "./commitment.js";
import { freshToken, guest, linkForAnother } from "./guest.js";
import { breakNetwork, CuttableSocket } from "./network.js";
import { Panes, part } from "./panes.js";
import { languageOf, Speech } from "./words.js";

const DOSSIER = "dossier:country:SA";
const WORKSPACE = "workspace:room";
const BREAK_SECONDS = 10;
const FIELDS = ["cooperation_areas", "relationship_status", "key_contacts", "priorities"];

const me = guest();
if (me === undefined) {
  location.replace("/");
} else {
  begin(me.user_id, me.name);
}

function begin(userId: string, name: string): void {
  const speech = new Speech(languageOf(location.search, navigator.languages));
  document.documentElement.lang = speech.language;
  document.documentElement.dir = speech.language === "ar" ? "rtl" : "ltr";
  for (const each of document.querySelectorAll<HTMLElement>("[data-say]")) {
    each.textContent = speech.say(each.dataset.say as Parameters<Speech["say"]>[0]);
  }
  part("me").textContent = name;
  const other = part<HTMLAnchorElement>("language");
  other.textContent = speech.say("other");
  other.lang = speech.language === "ar" ? "en" : "ar";
  other.href = `/room?language=${other.lang}`;

  const address = new URL("/v1", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const client = new DossierRealtimeClient({ url: address.href, token: freshToken, WebSocket: CuttableSocket });
  const panes = new Panes(speech);
  const names = new Map<string, string>([[userId, name]]);
  const report = (error: Error): void => {
    tell(error instanceof AuthFailed ? speech.say("gone") : speech.say("refused", { message: error.message }));
  };

  const showState = (): void => {
    part("state").dataset.state = client.state;
    part("state").textContent = speech.named(client.state);
    if (client.state === "error" && client.error !== undefined) report(client.error);
  };
  client.onState(showState);
  showState();
  client.onError(report);

  client.subscribe(DOSSIER, {
    onMessage: (message) => {
      if (message.type === "dossier_update") panes.changed(message.payload);
    },
    onPresence: (state) => {
      for (const user of state.users as readonly PresentUser[]) names.set(user.user_id, user.name);
      panes.present(state, userId);
    },
    onError: report,
  }, { last: 5 });
  client.subscribe(WORKSPACE, {
    onMessage: (message) => {
      if (message.type === "task_update") panes.task(message.payload.task_id, message.payload);
    },
    onError: report,
  }, { last: 20 });
  void (async () => {
    for await (const event of client.inbox()) panes.waiting(event);
  })().catch(report);
  client.on("alert_state", (message) => {
    if (message.payload.state !== "acknowledged") return;
    part<HTMLButtonElement>("acknowledge").disabled = true;
    const by = message.payload.acknowledged_by ?? "";
    panes.acknowledged(names.get(by) ?? by);
  });
  let alert: CommitmentAlertPayload | undefined;
  client.on("commitment_alert", (message) => {
    alert = message.payload;
    part<HTMLButtonElement>("acknowledge").disabled = false;
    panes.alerted(alert);
  });

  const text = openDocument(client, "room");
  const area = part<HTMLTextAreaElement>("text");
  const showStatus = (): void => {
    const status = text.status === "refused" ? "refused_document" : text.status;
    part("document").textContent = speech.named(status);
  };
  text.onStatus(showStatus);
  text.onError(report);
  void text.ready().then(() => {
    area.disabled = false;
    bindTextarea(text, area, { onError: report });
    showStatus();
  }, report);
  area.addEventListener("focus", () => tellActivity(client, DOSSIER, "editing"));
  area.addEventListener("blur", () => tellActivity(client, DOSSIER, "viewing"));

  onClick("update", async () => {
    const field = FIELDS[Math.floor(Math.random() * FIELDS.length)] as string;
    const payload = { entity_type: "country", entity_id: "SA", operation: "update", fields_changed: [field] } as const;
    await client.send(DOSSIER, { type: "dossier_update", payload });
  });
  onClick("assign", async () => {
    const task = `task-${Date.now().toString(36)}`;
    const event = (from: string, to: string): object => ({
      type: "task_update",
      payload: { task_id: task, previous_status: from, new_status: to, assigned_to: userId },
    });
    await client.send(WORKSPACE, event("pending", "in_progress"));
    await new Promise((done) => setTimeout(done, 3000));
    await client.send(WORKSPACE, event("in_progress", "completed"));
  });
  const commitment = new Commitment(userId);
  onClick("commit", () => commitment.climb());
  onClick("acknowledge", async () => {
    if (alert !== undefined) await client.acknowledge(alert.commitment_id);
  });
  onClick("ask", async () => {
    const brief = await client.requestBrief({ type: "country", entity_id: "SA", language: speech.language });
    for await (const message of brief) {
      if (message.type === "brief_generation_progress") panes.progress(message.payload);
      if (message.type === "brief_generation_complete") panes.briefEnded(speech.say("complete"));
      if (message.type === "brief_generation_failed") {
        panes.briefEnded(speech.say("not_complete", { reason: speech.local(message.payload.error) }));
      }
    }
  });
  onClick("invite", async () => {
    const link = await linkForAnother();
    if (link === undefined) {
      tell(speech.say("gone"));
      return;
    }
    const place = part<HTMLAnchorElement>("link");
    place.href = place.textContent = link;
    part("invitation").hidden = false;
  });
  part("break").addEventListener("click", () => breakNetwork(BREAK_SECONDS));

  function onClick(id: string, work: () => Promise<unknown>): void {
    part(id).addEventListener("click", () => {
      work().catch((error: unknown) => report(error instanceof Error ? error : new Error(String(error))));
    });
  }

  function tell(said: string): void {
    const place = part("said");
    place.textContent = said;
    place.hidden = false;
  }
}
