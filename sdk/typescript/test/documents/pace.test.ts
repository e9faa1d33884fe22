/** What the SDK does where the service makes edits wait: the pace of the rate limit, and an id that another edit has. */
import { readFileSync } from "node:fs";
import { afterEach, expect, it, vi } from "vitest";
import { openDocument } from "../../src/documents/index.js";
import { DeniedError, DossierRealtimeClient } from "../../src/index.js";
import { FakeServer } from "../../src/testing/index.js";
import type { EditPayload } from "../../src/documents/ot/flat.js";
import { insert, operation, retain } from "../../src/documents/ot/operations.js";
import { EditPace } from "../../src/documents/pace.js";
import { DocumentService, idTaken } from "./document_service.js";
import { PAPER, Person, Schedule } from "./simulated.js";

const WINDOW = 60;
const INTERVAL = 0.12;
const QUEUE = new URL("../../../../app/services/editing/document_queue.py", import.meta.url);

afterEach(() => void vi.useRealTimers());

function warning(of: "edit" | "general", current_rate: number, limit: number, reset_in: number) {
  return { class: of, current_rate, limit, reset_in };
}

/** A person whose edits the service counts in windows, warns of at 95 % and refuses beyond the limit. */
class Limited extends Person {
  refusals = 0;
  private used = 0;
  private windowEnds = 0;

  constructor(
    service: DocumentService,
    schedule: Schedule,
    private readonly limit: number,
  ) {
    super(service, schedule, "ali", 0.05);
    this.pace.limited({ general: 100, edit: limit, cursor: 1_200, ping: 60, window: WINDOW });
  }

  type(): void {
    this.edit(operation(retain(this.text.length), insert("x")));
  }

  protected override answer(payload: EditPayload): void {
    const { now } = this.schedule;
    if (now >= this.windowEnds) {
      this.windowEnds = now + WINDOW;
      this.used = 0;
    }
    this.used += 1;
    const left = Math.ceil(this.windowEnds - now);
    if (this.used === Math.floor(this.limit * 0.95)) {
      this.tell(() => this.pace.warned(warning("edit", this.used, this.limit, left), this.schedule.now));
    }
    if (this.used > this.limit) {
      this.refusals += 1;
      this.refuse(payload, new DeniedError("RATE_LIMIT_EXCEEDED", "wait", PAPER, left));
    } else {
      super.answer(payload);
    }
  }

  /** Let another connection of the user make edits. */
  use(edits: number): void {
    this.used += edits;
  }
}

/** Plan to type so many letters a second for so many seconds; `end` does it all, and checks what came of it. */
function typing(limit: number, perSecond: number, seconds: number): { ali: Limited; schedule: Schedule; end: () => void } {
  const service = new DocumentService("");
  const schedule = new Schedule();
  const ali = new Limited(service, schedule, limit);
  for (let letter = 0; letter < perSecond * seconds; letter++) {
    schedule.at(letter / perSecond, () => ali.type());
  }
  const end = (): void => {
    schedule.play();
    const text = "x".repeat(perSecond * seconds);
    expect([service.document.text, ali.text]).toEqual([text, text]);
    expect([ali.replica.isSynced, ali.replica.status, ali.errors]).toEqual([true, "live", []]);
  };
  return { ali, schedule, end };
}

it("stays within the limit through minutes of fast typing, and never seems throttled", () => {
  const { ali, end } = typing(600, 12, 150);
  end();
  expect(ali.refusals).toBe(0);
  expect(new Set(ali.statuses)).toEqual(new Set(["live", "saving"]));
});

it("spreads a small limit over its window, and shows the status throttled meanwhile", () => {
  const { ali, end } = typing(30, 12, 100);
  end();
  expect(ali.refusals).toBe(0);
  expect(ali.statuses).toContain("throttled");
  expect(ali.statuses.at(-1)).toBe("live");
  const gaps = ali.sentAt.slice(1).map((at, index) => at - ali.sentAt[index]!);
  expect(Math.max(...gaps)).toBeLessThan(WINDOW / 6);
});

it("is throttled after a warning about what another connection uses, keeps the pace, and is live again", () => {
  const { ali, schedule, end } = typing(100, 4, 50);
  schedule.at(10, () => ali.use(45));
  end();
  const from = ali.statuses.indexOf("throttled");
  expect(from).toBeGreaterThan(0);
  expect(new Set(ali.statuses)).toEqual(new Set(["live", "saving", "throttled"]));
  expect(ali.refusals).toBe(0);
  const beforehand = ali.sentAt.filter((at) => at < 10).length;
  expect(ali.sentAt.filter((at) => at < WINDOW).length).toBeLessThanOrEqual(100 - 45);
  expect(beforehand).toBeGreaterThan(30); // at once, before the other connection came
});

it("slows the edits of all documents of a client after a warning, says throttled, and goes on at full pace later", async () => {
  vi.useFakeTimers();
  const server = new FakeServer();
  const client = new DossierRealtimeClient({ token: "ali", ...server.options });
  const documents = ["one", "two"].map((id) => openDocument(client, id));
  await vi.waitFor(() => expect(documents.every((each) => each.isLoaded)).toBe(true));
  const edits = (): number => server.received.filter(({ type }) => type === "edit_operation").length;
  const type = async (): Promise<void> => {
    documents.forEach((document) => document.insert(document.length, "x"));
    await vi.advanceTimersByTimeAsync(1_000);
  };
  await type();
  expect([edits(), ...documents.map(({ status }) => status)]).toEqual([2, "live", "live"]);
  server.send({ type: "rate_limit_warning", payload: warning("edit", 570, 600, 30) });
  await vi.advanceTimersByTimeAsync(10);
  await type();
  await type();
  await type();
  expect([edits(), ...documents.map(({ status }) => status)]).toEqual([2, "throttled", "throttled"]);
  await vi.advanceTimersByTimeAsync(200_000);
  expect([edits(), ...documents.map(({ status }) => status)]).toEqual([4, "live", "live"]); // what waited is joined
  expect(documents.map(({ text }) => text)).toEqual(["xxxx", "xxxx"]);
  client.close();
});

it("leaves what another connection uses to it after a warning, and takes it back when it is quiet", () => {
  const pace = new EditPace();
  for (let number = 0; number < 285; number++) {
    pace.sent(number * INTERVAL);
  }
  expect(pace.interval(34)).toBe(INTERVAL);
  pace.warned(warning("edit", 570, 600, 26), 34);
  expect(pace.interval(34)).toBeGreaterThan(INTERVAL);
  expect(pace.isThrottled(34)).toBe(true);
  expect(pace.interval(61)).toBeCloseTo(60 / (0.9 * 300));
  expect(pace.isThrottled(61)).toBe(false);
  expect(pace.interval(122)).toBe(INTERVAL);
  pace.warned(warning("general", 95, 100, 9), 122);
  expect(pace.interval(122)).toBe(INTERVAL);
});

it("shortens the interval with a larger limit", () => {
  const pace = new EditPace();
  pace.limited({ general: 100, edit: 60_000, cursor: 1_200, ping: 60, window: 60 });
  expect(pace.interval(0)).toBeCloseTo(0.0012);
  pace.limited(null);
  expect(pace.interval(0)).toBeCloseTo(0.0012);
});

it("sends an edit whose id another edit has under a new id, once, and says why once", () => {
  const service = new DocumentService("text");
  const schedule = new Schedule();
  const [ali, other] = [new Person(service, schedule, "ali", 0.05), new Person(service, schedule, "ali", 0.05)];
  other.edit(operation(retain(4), insert("!"))); // both tabs make the id "ali.1"
  schedule.at(1, () => ali.edit(operation(insert("my "), retain(5))));
  schedule.play();
  expect([service.document.text, ali.text, other.text]).toEqual(["my text!", "my text!", "my text!"]);
  expect([ali.replica.isSynced, ali.replica.status, other.errors]).toEqual([true, "live", []]);
  expect(ali.errors.map((error) => (error as DeniedError).serverMessage)).toEqual([idTaken(1)]);
  expect(ali.sentAt.length).toBe(2);
  expect(ali.sentAt[1]! - ali.sentAt[0]!).toBeCloseTo(INTERVAL); // as soon as the pace allows
});

it("waits where the service refuses the new id too, so that it is not asked without end", () => {
  const service = new DocumentService("text");
  const schedule = new Schedule();
  const ali = new (class extends Person {
    protected override answer(payload: EditPayload): void {
      if (this.schedule.now < 100) {
        this.refuse(payload, new DeniedError("INVALID_MESSAGE_FORMAT", idTaken(7), PAPER));
      } else {
        super.answer(payload);
      }
    }
  })(service, schedule, "ali", 0.05);
  ali.edit(operation(insert("my "), retain(4)));
  schedule.play();
  expect([service.document.text, ali.text]).toEqual(["my text", "my text"]);
  expect(ali.sentAt.length).toBeLessThan(10); // 100 s, 15 s between two
});

it("knows the refusal of an id by what the service says", () => {
  const source = readFileSync(QUEUE, "utf8");
  for (const part of ["This op_id was given to another edit, version {known.version}; {_NEW_ID}", '"make a new one (at $.payload.op_id)"']) {
    expect(source).toContain(part);
  }
});
