/** The versions of a document against the real service: REALTIME_URL, REALTIME_TOKENS. */
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { documentVersions, openDocument, snapshotFile } from "../../src/documents/index.js";
import { CallRefused, DossierRealtimeClient, type WebSocketConstructor } from "../../src/index.js";

const url = process.env.REALTIME_URL ?? "";
const tokens = JSON.parse(process.env.REALTIME_TOKENS ?? "{}") as Record<string, string>;

describe.skipIf(!url)("the versions of a document at the service", () => {
  const clients: DossierRealtimeClient[] = [];

  afterEach(() => clients.splice(0).forEach((made) => made.close()));

  it("are listed, named, read, compared, restored, signed and saved as files", async () => {
    const client = new DossierRealtimeClient({
      token: tokens.ali!,
      url,
      WebSocket: WebSocket as unknown as WebSocketConstructor,
    });
    clients.push(client);
    const id = `versions-${Date.now()}`;
    const paper = openDocument(client, id);
    const versions = documentVersions(client, id);
    await paper.ready();

    const words = 'وقّع الوزير 🖋 "/\\\u2028\u007f';
    paper.insert(0, words, { attributes: { bold: true } });
    await paper.flush(60);
    const draft = await versions.name("المسودة 1/2 ؟");
    expect([draft.name, draft.user_name]).toEqual(["المسودة 1/2 ؟", "Ali"]);
    paper.format(0, words.length, { bold: null });
    paper.insert(words.length, " الاتفاقية");
    await paper.flush(60);

    const rows = await all(versions.history());
    expect(rows.map(({ version, user_id }) => [version, user_id])).toEqual(rows.map((_, at) => [at + 1, "ali"]));
    expect(await all(versions.history({ after: rows.length }))).toEqual([]);
    const [joined, ...more] = await all(versions.history({ joined: true }));
    expect([joined?.names, joined?.version, more]).toEqual([[draft.name], rows.length, []]);
    expect((await versions.named()).map(({ name, version }) => [name, version])).toEqual([[draft.name, draft.version]]);

    const old = await versions.text(draft.name);
    expect([old.content, old.version, old.format.length]).toEqual([words, draft.version, 1]);
    expect((await versions.text(draft.version)).content).toBe(words);
    expect((await versions.text(0)).content).toBe("");
    expect(await versions.difference(draft.name)).toEqual([{ kind: "equal", text: words }, { kind: "insert", text: " الاتفاقية" }]);
    expect((await versions.difference(0, draft.version)).map(({ kind }) => kind)).toEqual(["insert"]);

    const restored = await versions.restore(draft.name);
    const present = await versions.text();
    expect([present.version, present.content, present.format]).toEqual([restored, words, old.format]);

    const note = "as agreed \u0085 🖋";
    const signed = await versions.sign(draft.name, { note, name: "signed" });
    expect([signed.statement.version, signed.statement.note, signed.content]).toEqual([draft.version, note, words]);
    const [kept, ...others] = await all(versions.snapshots());
    expect([kept?.signature, others]).toEqual([signed.signature, []]);
    const file = await client.readBytes(`/v1/documents/${id}/snapshots/${kept!.id}`);
    expect(snapshotFile(signed)).toEqual(file);
    expect(await versions.snapshot(kept!.id)).toEqual(signed);
    expect((await versions.named()).map(({ name }) => name)).toContain("signed");

    expect(new TextDecoder().decode(await versions.file("markdown", draft.name))).toContain("وقّع الوزير");
    expect(new TextDecoder().decode(await versions.file("html"))).toMatch(/^<!doctype html>/i);
    expect([...(await versions.file("docx")).slice(0, 4)]).toEqual([0x50, 0x4b, 0x03, 0x04]); // a zip

    const absent = await versions.text("no such name").catch((wrong: unknown) => wrong);
    expect(absent).toBeInstanceOf(CallRefused);
    expect(absent).toMatchObject({ status: 404, errorCode: "NOT_FOUND", oldest: 0, version: restored });
    await expect(versions.name("7")).rejects.toMatchObject({ status: 400, errorCode: "INVALID_MESSAGE_FORMAT" });
    await expect(versions.restore(restored + 1)).rejects.toMatchObject({ status: 404, version: restored });
    await paper.close();
  });
});

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const row of rows) read.push(row);
  return read;
}
