/** Comments, locks and pairs against the real service: REALTIME_URL, REALTIME_TOKENS. */
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { documentPair, hold, openDocument, type SharedDocument } from "../../src/documents/index.js";
import { CallRefused, DossierRealtimeClient, type WebSocketConstructor } from "../../src/index.js";

const url = process.env.REALTIME_URL ?? "";
const tokens = JSON.parse(process.env.REALTIME_TOKENS ?? "{}") as Record<string, string>;

describe.skipIf(!url)("a document at the service, beside its text", () => {
  const clients: DossierRealtimeClient[] = [];

  function client(user: string): DossierRealtimeClient {
    const made = new DossierRealtimeClient({
      token: tokens[user]!,
      url,
      WebSocket: WebSocket as unknown as WebSocketConstructor,
    });
    clients.push(made);
    return made;
  }

  afterEach(() => clients.splice(0).forEach((made) => made.close()));

  async function written(id: string, text: string): Promise<[SharedDocument, SharedDocument]> {
    const both = [openDocument(client("ali"), id), openDocument(client("sara"), id)] as const;
    await Promise.all(both.map((each) => each.ready()));
    both[0].insert(0, text);
    await both[0].flush(60);
    await until(both[1], () => both[1].text === text);
    await Promise.all(both.map((each) => each.comments.load()));
    return [...both];
  }

  it("has comments that move with the text, and suggestions that become text", async () => {
    const [ali, sara] = await written(`said-${Date.now()}`, "تدفع الوزارة المبلغ.");
    const made = await ali.comments.add(5, 12, "أي وزارة؟");
    expect([made.quote, made.user_name]).toEqual(["الوزارة", "Ali"]);
    await until(sara, () => sara.comments.all()[0]?.text === "أي وزارة؟");
    sara.insert(0, "المادة ١: ");
    await sara.flush(60);
    await until(ali, () => ali.text.startsWith("المادة"));
    const place = ali.comments.all()[0]!;
    expect([place.orphaned, ali.text.slice(place.start, place.end)]).toEqual([false, "الوزارة"]);
    await sara.comments.reply(made.id, "المالية");
    await until(ali, () => ali.comments.all()[0]?.replies?.length === 1);
    const idea = await sara.comments.suggest(place.start, place.end, "الهيئة", "اسمها الجديد");
    await until(ali, () => ali.comments.all().length === 2);
    await ali.comments.accept(idea.id);
    await until(sara, () => sara.text === "المادة ١: تدفع الهيئة المبلغ.");
    await until(ali, () => ali.text === sara.text);
    expect([ali.undo(), ali.text]).toEqual([true, "المادة ١: تدفع الوزارة المبلغ."]); // what ali did last
    expect([ali.redo(), ali.text]).toEqual([true, sara.text]);
    await ali.flush(60);
    await expect(ali.comments.accept("no-such-comment")).rejects.toThrow(CallRefused);
    await ali.comments.resolve(made.id);
    await until(sara, () => sara.comments.all().every(({ status }) => status !== "open"));
  });

  it("has soft locks that one user has and the other sees", async () => {
    const [ali, sara] = await written(`locked-${Date.now()}`, "x");
    const [one, other] = [clients[0]!, clients[1]!];
    const mine = await hold(one, ali.channel, "clause.1", { seconds: 60 });
    const late = await hold(other, sara.channel, "clause.1", { seconds: 300 });
    expect([mine.isOwn, late.isOwn, late.holder.name]).toEqual([true, false, "Ali"]);
    await mine.release();
    while (!late.isOwn) {
      await new Promise((next) => setTimeout(next, 5)); // it is asked for at once: its own renewal is 100 s away
    }
    await late.release();
    await expect(hold(one, ali.channel, "no field!")).rejects.toThrow();
  });

  it("has a counterpart, whose clauses know whether they are translated", async () => {
    const id = `mou-${Date.now()}`;
    await written(`${id}.en`, "Article 1\nThe parties agree.\n");
    const [arabic] = await written(`${id}.ar`, "المادة ١\nيتفق الطرفان.\n");
    const pair = documentPair(clients[0]!, `${id}.en`);
    await pair.join(`${id}.ar`, { language: "en", counterpartLanguage: "ar" });
    expect((await pair.markTranslated()).clauses).toEqual(["article-1"]);
    arabic.insert(arabic.length, "ويلتزمان به.\n");
    await arabic.flush(60);
    const { clauses, counterpart } = await pair.read({ text: true });
    expect([counterpart?.language, clauses?.map(({ key, status, changed }) => [key, status, changed])]).toEqual([
      "ar",
      [["article-1", "changed", ["counterpart"]]],
    ]);
    await pair.part();
    await expect(pair.read()).rejects.toThrow(CallRefused);
  });
});

function until(document: SharedDocument, isTrue: () => boolean): Promise<void> {
  return new Promise((done) => {
    const look = (): void => (isTrue() ? done() : undefined);
    document.onChange(look);
    document.comments.onChange(look);
    look();
  });
}
