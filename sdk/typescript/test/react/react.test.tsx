// @vitest-environment happy-dom
import { act, type ReactElement, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, expect, it, vi } from "vitest";
import { DossierRealtimeClient } from "../../src/index.js";
import { RealtimeProvider, useChannel, useConnectionState, useDocument, usePresence } from "../../src/react/index.js";
import { openDocument } from "../../src/documents/index.js";
import { FakeClock, FakeServer } from "../../src/testing/index.js";
import { DocumentService } from "../documents/document_service.js";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const CHANNEL = "dossier:country:SA";
let root: Root | undefined;
let client: DossierRealtimeClient | undefined;

afterEach(async () => {
  await act(async () => root?.unmount());
  client?.close();
  root = client = undefined;
});

async function shown(page: ReactElement): Promise<HTMLElement> {
  const place = window.document.createElement("div");
  root = createRoot(place);
  await act(async () => root!.render(<StrictMode>{page}</StrictMode>));
  return place;
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await act(async () => new Promise((resolve) => setTimeout(resolve, 2)));
  }
}

function Channel(props: { readonly seen: string[] }): ReactElement {
  const { status, error } = useChannel(CHANNEL, (message) => props.seen.push(message.type));
  const { count } = usePresence(CHANNEL);
  return <p>{`${useConnectionState()} ${status} ${count} ${error?.message ?? "fine"}`}</p>;
}

it("subscribes once in StrictMode, and hands out each event once", async () => {
  const server = new FakeServer();
  client = new DossierRealtimeClient({ token: "ali", ...server.options });
  const seen: string[] = [];
  const place = await shown(
    <RealtimeProvider client={client}>
      <Channel seen={seen} />
    </RealtimeProvider>,
  );
  await until(() => place.textContent === "authenticated live 1 fine");
  await act(async () => {
    server.publish(CHANNEL, { type: "dossier_update", payload: { entity_type: "country", entity_id: "SA", operation: "update", fields_changed: ["x"] } } as never);
  });
  await until(() => seen.length > 0);
  expect(seen).toEqual(["dossier_update"]);
});

it("does nothing on a server", () => {
  const page = (
    <RealtimeProvider client={undefined}>
      <Channel seen={[]} />
      <Paper />
    </RealtimeProvider>
  );
  expect(renderToString(page)).toBe("<p>disconnected waiting 0 fine</p><p>stale </p>");
});

it("shows that a client has ended, and unmounts nothing", async () => {
  const server = new FakeServer();
  client = new DossierRealtimeClient({ token: "ali", ...server.options });
  client.close();
  const place = await shown(
    <RealtimeProvider client={client}>
      <Channel seen={[]} />
      <Paper />
    </RealtimeProvider>,
  );
  expect(place.textContent).toBe(`disconnected ended 0 The client was closed; make a new one to go on${"stale "}`);
});

it("follows the subscription over a break, while it recovers, and to the end of the client", async () => {
  const server = new FakeServer();
  const clock = new FakeClock();
  client = new DossierRealtimeClient({ token: "ali", clock, ...server.options });
  const statuses: string[] = [];
  function Status(): ReactElement {
    const { status } = useChannel(CHANNEL, () => undefined);
    const { count } = usePresence(CHANNEL);
    statuses.push(status);
    return <p>{`${status} ${count}`}</p>;
  }
  const place = await shown(
    <RealtimeProvider client={client}>
      <Status />
    </RealtimeProvider>,
  );
  await until(() => place.textContent === "live 1");
  await act(async () => server.drop());
  await until(() => place.textContent!.startsWith("waiting"));
  for (const _ of [1, 2, 3]) {
    server.publish(CHANNEL, { type: "dossier_update", payload: { entity_type: "country", entity_id: "SA", operation: "update", fields_changed: ["x"] } } as never);
  }
  await act(async () => clock.advance(40_000));
  await until(() => place.textContent === "live 1");
  await act(async () => client!.close());
  expect(place.textContent).toBe("ended 0");
  expect(statuses).toContain("waiting");
});

it("shows who is there after an error that ends nothing", async () => {
  const server = new FakeServer();
  client = new DossierRealtimeClient({ token: "ali", ...server.options });
  const place = await shown(
    <RealtimeProvider client={client}>
      <Channel seen={[]} />
    </RealtimeProvider>,
  );
  await until(() => place.textContent === "authenticated live 1 fine");
  const refused = { type: "error", error_code: "RATE_LIMIT_EXCEEDED", message: "Too many presence updates", timestamp: 1, channel: CHANNEL };
  await act(async () => [...server.sockets][0]!.deliver(refused));
  await until(() => place.textContent!.includes("Too many"));
  expect(place.textContent).toMatch(/^authenticated live 1 /);
});

it("keeps a document whose edits wait offline open after its component, until they are saved", async () => {
  const service = new DocumentService("text");
  const connection = service.connect("ali");
  const pump = setInterval(() => connection.step(), 1);
  try {
    const place = await shown(
      <RealtimeProvider client={connection}>
        <Paper />
      </RealtimeProvider>,
    );
    await until(() => place.textContent === "live text");
    connection.down();
    await act(async () => place.querySelector("p")!.click());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await act(async () => root?.unmount());
    root = undefined;
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    connection.up();
    await until(() => service.document.text === "مرحبا text");
    await until(() => openDocument(connection, "paper").text === "مرحبا text");
  } finally {
    vi.useRealTimers();
    clearInterval(pump);
  }
});

function Paper(): ReactElement {
  const { document, text, status } = useDocument("paper");
  return <p onClick={() => document?.insert(0, "مرحبا ")}>{`${status} ${text}`}</p>;
}

it("shows a document and its edits, and saves what waits when the component goes", async () => {
  const service = new DocumentService("text");
  const connection = service.connect("ali");
  const pump = setInterval(() => connection.step(), 1);
  try {
    const place = await shown(
      <RealtimeProvider client={connection}>
        <Paper />
      </RealtimeProvider>,
    );
    await until(() => place.textContent === "live text");
    await act(async () => place.querySelector("p")!.click());
    expect(place.textContent).toContain("مرحبا text");
    await act(async () => root?.unmount());
    root = undefined;
    await until(() => service.document.text === "مرحبا text");
  } finally {
    clearInterval(pump);
  }
});
