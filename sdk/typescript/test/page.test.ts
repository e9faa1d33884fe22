import { afterEach, describe, expect, it, vi } from "vitest";
import { DossierRealtimeClient } from "../src/index.js";
import { FakeClock, FakeServer, settled } from "../src/testing/index.js";

/** A page as the client sees it: its window and its document. */
function page() {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("window", window);
  vi.stubGlobal("document", document);
  const server = new FakeServer();
  const clock = new FakeClock(0);
  const client = new DossierRealtimeClient({ token: "ali", clock, ...server.options });
  return { window, document, server, clock, client };
}

const pings = (server: FakeServer): number => server.received.filter((message) => message.type === "ping").length;

afterEach(() => vi.unstubAllGlobals());

describe("a page that was away", () => {
  it("pings each 30 s, and gives a silent server up after 75 s", async () => {
    const { server, clock, client } = page();
    await client.connect();
    await clock.advance(61_000);
    expect(pings(server)).toBe(2);
    server.answers = false;
    await clock.advance(75_000);
    expect(server.opens).toBe(2);
  });

  it("reads what waits before it judges time: a tab that slept keeps a connection that lives", async () => {
    const { server, clock, client } = page();
    await client.connect();
    await clock.sleep(120_000);
    await clock.advance(10_000);
    expect(client.state).toBe("authenticated");
    expect(server.opens).toBe(1);
  });

  it.each(["by its timer", "by the page"])("finds a sleep that the steady clock did not see: %s", async (how) => {
    const { document, server, clock, client } = page();
    await client.connect();
    await clock.advance(1_000);
    server.answers = false;
    clock.suspend(3_600_000);
    if (how === "by the page") document.dispatchEvent(new Event("visibilitychange"));
    else await clock.advance(29_500);
    await clock.advance(5_500);
    expect(server.opens).toBeGreaterThan(1); // 75 s of silence are not over
  });

  it("takes a time of day that is set back for no sleep", async () => {
    const { document, server, clock, client } = page();
    await client.connect();
    server.answers = false;
    clock.suspend(-3_600_000);
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(6_000);
    expect(server.opens).toBe(1);
  });

  it("finds within 5 s that its connection died while it slept", async () => {
    const { server, clock, client } = page();
    await client.connect();
    server.answers = false;
    await clock.sleep(120_000);
    await clock.advance(5_000);
    expect(server.opens).toBe(2);
  });

  it("asks for a sign of life when it is seen again after a silence, and not each time", async () => {
    const { document, server, clock, client } = page();
    await client.connect();
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(0);
    expect(pings(server)).toBe(0);
    await clock.advance(29_000);
    await clock.advance(500);
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    await clock.advance(0);
    expect(pings(server)).toBe(0);
  });

  it("connects at once when the network comes back, however long it would have waited", async () => {
    const { window, server, clock, client } = page();
    await client.connect();
    clock.chance = 0.999;
    server.refusing = 1006;
    server.drop();
    await clock.advance(200_000);
    server.refusing = undefined;
    clock.chance = 0;
    const before = server.opens;
    window.dispatchEvent(new Event("online"));
    await clock.advance(1);
    expect(server.opens).toBe(before + 1);
    expect(client.state).toBe("authenticated");
  });

  it("doubts its connection when the network changed, and when it comes from the back-forward cache", async () => {
    const { window, server, clock, client } = page();
    await client.connect();
    server.answers = false;
    window.dispatchEvent(new Event("online"));
    await clock.advance(5_000);
    expect(server.opens).toBe(2);
    server.answers = true;
    await clock.advance(60_000);
    expect(client.state).toBe("authenticated");
    const opens = server.opens;
    server.answers = false;
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await clock.advance(5_000);
    expect(server.opens).toBe(opens + 1);
  });

  it("leaves nothing behind when it is closed", async () => {
    const { window, clock, client, server } = page();
    const removed = vi.spyOn(window, "removeEventListener");
    await client.connect();
    client.close();
    await settled();
    expect(removed).toHaveBeenCalled();
    await clock.advance(400_000);
    expect(server.opens).toBe(1);
    expect(pings(server)).toBe(0);
  });
});
