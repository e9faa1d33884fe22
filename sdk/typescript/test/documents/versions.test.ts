/** The calls about the versions of a document: their requests, their answers and their refusals. */
import { afterEach, describe, expect, it } from "vitest";
import { documentVersions, type DocumentVersions, snapshotFile } from "../../src/documents/index.js";
import { CallRefused, ConnectFailed, DossierRealtimeClient } from "../../src/index.js";
import { FakeClock, FakeServer } from "../../src/testing/index.js";

const clients: DossierRealtimeClient[] = [];

afterEach(() => clients.splice(0).forEach((each) => each.close()));

/** Return the versions of a document whose calls get these answers, one after the other, and what was asked. */
function answered(...answers: (Response | Error)[]): { versions: DocumentVersions; asked: string[]; bodies: unknown[]; clock: FakeClock } {
  const [asked, bodies]: [string[], unknown[]] = [[], []];
  const fetch = ((address: string, init: RequestInit) => {
    expect(new Headers(init.headers).get("Authorization")).toBe("Bearer ali");
    expect(new Headers(init.headers).has("Idempotency-Key")).toBe(false); // the service takes none here
    asked.push(`${init.method} ${new URL(address).pathname.replace("/v1/documents/brief-7", "")}${new URL(address).search}`);
    if (init.body !== undefined) bodies.push(JSON.parse(String(init.body)));
    const answer = answers.shift() ?? new Error("nobody answers");
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }) as typeof globalThis.fetch;
  const clock = new FakeClock();
  const client = new DossierRealtimeClient({ token: "ali", clock, ...new FakeServer().options, fetch });
  clients.push(client);
  return { versions: documentVersions(client, "brief-7"), asked, bodies, clock };
}

const refusal = (status: number, error_code: string, message: string, more: object = {}): Response =>
  Response.json({ error_code, message, ...more }, { status });

const signed = {
  statement: { document: "brief-7", version: 2, note: 'line "1"\n\u0001\u007f\u2028/\\ المسودة 🖋' },
  content: "Ports",
  format: [],
  signature: "c2ln",
};

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const row of rows) read.push(row);
  return read;
}

describe("a reading call", () => {
  it("pages through the history, from its beginning or from a version", async () => {
    const rows = [1, 2, 3].map((version) => ({ version, user_id: "ali", user_name: "Ali" }));
    const { versions, asked } = answered(
      Response.json({ document: "brief-7", version: 3, oldest: 0, versions: rows.slice(0, 2), next: 2 }),
      Response.json({ document: "brief-7", version: 3, oldest: 0, versions: rows.slice(2) }),
      Response.json({ document: "brief-7", version: 3, oldest: 0, versions: [] }),
    );
    expect(await all(versions.history({ joined: true }))).toEqual(rows);
    expect(await all(versions.history({ after: 3 }))).toEqual([]);
    const pages = ["after=0&joined=true", "after=2&joined=true", "after=3&joined=false"];
    expect(asked).toEqual(pages.map((query) => `GET /history?${query}`));
  });

  it("reads a text now, by number and by name", async () => {
    const text = { document: "brief-7", version: 3, epoch: "e1", content: "Ports", format: [] };
    const { versions, asked } = answered(...[1, 2, 3].map(() => Response.json(text)));
    expect(await versions.text()).toEqual(text);
    await versions.text(0);
    await versions.text("before & after?");
    expect(asked).toEqual(["GET ", "GET ?version=0", "GET ?version=before+%26+after%3F"]);
  });

  it("reads a file as the bytes that it has", async () => {
    const bytes = Uint8Array.of(0x50, 0x4b, 0x03, 0x04, 0xff, 0x00, 0xfe);
    const { versions, asked } = answered(new Response(bytes), new Response("\ufeffPorts\n"));
    const file = await versions.file("docx");
    expect(file).toEqual(bytes);
    expect(new Blob([file]).size).toBe(bytes.length); // as a page that offers it to be saved
    expect([...(await versions.file("markdown", "المسودة")).slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(asked).toEqual(["GET /export?format=docx", `GET /export?format=markdown&version=${encodeURIComponent("المسودة")}`]);
  });

  it("compares a version with another one, and with the present one", async () => {
    const changes = [{ kind: "equal", text: "Ports" }, { kind: "insert", text: " and ships" }];
    const { versions, asked } = answered(...[1, 2].map(() => Response.json({ document: "brief-7", from: 0, to: 2, changes })));
    expect(await versions.difference(0, "sent")).toEqual(changes);
    await versions.difference("sent");
    expect(asked).toEqual(["GET /diff?from=0&to=sent", "GET /diff?from=sent"]);
  });

  it("lists the names, and the signed statements page by page", async () => {
    const name = { document: "brief-7", name: "sent", version: 2, user_id: "ali", user_name: "Ali", timestamp: 1 };
    const [first, second] = ["a", "b"].map((id) => ({ id, statement: signed.statement, signature: "c2ln" }));
    const { versions, asked } = answered(
      Response.json({ document: "brief-7", versions: [name] }),
      Response.json({ document: "brief-7", snapshots: [first], next: "1~a" }),
      Response.json({ document: "brief-7", snapshots: [second] }),
      Response.json(signed),
    );
    expect(await versions.named()).toEqual([name]);
    expect((await all(versions.snapshots())).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(await versions.snapshot("a")).toEqual(signed);
    expect(asked).toEqual(["GET /versions", "GET /snapshots", "GET /snapshots?after=1%7Ea", "GET /snapshots/a"]);
  });

  it("is repeated while the service cannot be reached or is busy, a file too", async () => {
    const busy = refusal(503, "SERVICE_UNAVAILABLE", "busy");
    const { versions, asked, clock } = answered(new Error("no network"), busy, new Response("Ports\n"));
    const file = versions.file("markdown");
    await clock.advance(20_000);
    expect(new TextDecoder().decode(await file)).toBe("Ports\n");
    expect(asked).toHaveLength(3);
  });
});

describe("a call that changes something", () => {
  it("names the present version, and another one", async () => {
    const named = { document: "brief-7", name: "a/b", version: 2, user_id: "ali", user_name: "Ali", timestamp: 1 };
    const { versions, asked, bodies } = answered(Response.json(named), Response.json(named));
    expect((await versions.name("a/b ?")).version).toBe(2);
    await versions.name("sent", 0);
    expect(asked).toEqual(["PUT /versions/a%2Fb%20%3F", "PUT /versions/sent"]);
    expect(bodies).toEqual([{}, { version: 0 }]);
  });

  it("restores a version, and says which one did so", async () => {
    const { versions, asked, bodies } = answered(Response.json({ document: "brief-7", version: 5, restored: 2 }));
    expect(await versions.restore("sent")).toBe(5);
    expect([asked, bodies]).toEqual([["POST /restore"], [{ version: "sent" }]]);
  });

  it("signs a version with a note and a name, and the present one without", async () => {
    const { versions, asked, bodies } = answered(Response.json(signed), Response.json(signed));
    expect(await versions.sign(2, { note: "as agreed", name: "second draft" })).toEqual(signed);
    await versions.sign();
    expect(asked).toEqual(["POST /snapshots", "POST /snapshots"]);
    expect(bodies).toEqual([{ version: 2, note: "as agreed", name: "second draft" }, {}]);
  });

  it("is not repeated: it may have been carried out", async () => {
    const { versions, asked } = answered();
    for (const call of [() => versions.name("sent"), () => versions.restore(1), () => versions.sign()]) {
      await expect(call()).rejects.toThrow(ConnectFailed);
    }
    expect(asked).toHaveLength(3);
  });
});

describe("a refused call", () => {
  const calls: readonly [string, (versions: DocumentVersions) => Promise<unknown>][] = [
    ["history", (versions) => all(versions.history())],
    ["text", (versions) => versions.text(1)],
    ["file", (versions) => versions.file("html", 1)],
    ["difference", (versions) => versions.difference(1)],
    ["named", (versions) => versions.named()],
    ["name", (versions) => versions.name("sent", 1)],
    ["restore", (versions) => versions.restore(1)],
    ["sign", (versions) => versions.sign(1)],
    ["snapshots", (versions) => all(versions.snapshots())],
    ["snapshot", (versions) => versions.snapshot("a")],
  ];

  it.each(calls)("rejects with status, code and message: %s", async (_, call) => {
    for (const [status, code] of [[400, "INVALID_MESSAGE_FORMAT"], [401, "INVALID_TOKEN"], [403, "PERMISSION_DENIED"]] as const) {
      const { versions, asked } = answered(refusal(status, code, "not so"));
      const refused = await call(versions).catch((wrong: unknown) => wrong);
      expect(refused).toBeInstanceOf(CallRefused);
      expect(refused).toMatchObject({ status, errorCode: code, serverMessage: "not so", oldest: undefined });
      expect(asked).toHaveLength(1);
    }
  });

  it.each(calls)("says the oldest version that has a text, and the present one: %s", async (_, call) => {
    const { versions } = answered(refusal(404, "NOT_FOUND", "Version 1 is not kept", { oldest: 40, version: 90 }));
    await expect(call(versions)).rejects.toMatchObject({ status: 404, errorCode: "NOT_FOUND", oldest: 40, version: 90 });
  });

  it("rejects with what is known where the answer is not the service's own", async () => {
    const { versions } = answered(new Response("<h1>Not found</h1>", { status: 404 }));
    await expect(versions.file("docx")).rejects.toMatchObject({ status: 404, errorCode: "INTERNAL_ERROR", serverMessage: "HTTP 404" });
  });
});

it("makes the service's own bytes of a snapshot that it signed", async () => {
  const written = '{"statement":{"document":"brief-7","note":"\\"\\n\\u0001\u007f\u2028/\\\\ 🖋"},"content":"x","format":[],"signature":"c2ln"}';
  const { versions } = answered(new Response(written));
  expect(new TextDecoder().decode(snapshotFile(await versions.sign()))).toBe(written);
});

it("throws at once for a version that is none, and for a name that would lead to another address", () => {
  const { versions, asked } = answered();
  for (const version of [NaN, -1, 1.5, Infinity]) {
    const wrong = [
      () => versions.text(version),
      () => versions.file("html", version),
      () => versions.difference(version),
      () => versions.difference(1, version),
      () => versions.name("sent", version),
      () => versions.restore(version),
      () => versions.sign(version),
    ];
    for (const call of wrong) expect(call).toThrow(RangeError);
  }
  for (const name of ["", ".", "..", "half \ud83d"]) {
    expect(() => versions.name(name)).toThrow(RangeError);
    expect(() => versions.snapshot(name)).toThrow(RangeError);
  }
  expect(asked).toEqual([]);
});
