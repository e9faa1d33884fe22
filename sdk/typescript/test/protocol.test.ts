import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { CloseCode, ConnectionState, ErrorCode, entryId, type ServerMessage } from "../src/index.js";

/** One answer for each type: the compiler refuses it where a type of the protocol is missing. */
function kindOf(message: ServerMessage): string {
  switch (message.type) {
    case "auth_success":
    case "pong":
    case "token_expiring":
    case "connection_state":
      return "session";
    case "subscribed":
    case "unsubscribed":
    case "channel_settings":
    case "lock_state":
    case "ack":
    case "operation_ack":
      return "answer";
    case "error":
    case "rate_limit_warning":
    case "rate_limit_exceeded":
      return "trouble";
    case "dossier_update":
    case "notification":
    case "task_update":
    case "task_assigned":
    case "brief_generation_started":
    case "brief_generation_progress":
    case "brief_generation_complete":
    case "brief_generation_failed":
    case "commitment_alert":
    case "relationship_health_change":
    case "alert_state":
    case "inbox_state":
    case "ops_stats":
      return "event";
    case "remote_operation":
    case "cursor_position":
    case "cursor_gone":
    case "document_state":
    case "document_comment":
      return "document";
    case "presence_join":
    case "presence_leave":
    case "presence_update":
      return "presence";
    default: {
      const left: never = message;
      return left;
    }
  }
}

it("is exhaustive", () => {
  expect(kindOf({ type: "pong", timestamp: 1 })).toBe("session");
});

it("has the enumerations of the contract as values", () => {
  expect(ErrorCode.VERSION_CONFLICT).toBe("VERSION_CONFLICT");
  expect(ConnectionState.RECONNECTING).toBe("reconnecting");
  expect(CloseCode.SESSION_REPLACED).toBe(4504);
});

it("shadows no name of browsers and of the language", () => {
  const source = readFileSync(new URL("../src/protocol.ts", import.meta.url), "utf8");
  const names = [...source.matchAll(/^export (?:interface|type|const) (\w+)/gm)].map((found) => found[1]);
  expect(names.length).toBeGreaterThan(100);
  const compiler = dirname(createRequire(import.meta.resolve("typescript/package.json")).resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`));
  const libraries = ["dom", "es5", "es2022.error", "es2015.core"].map((name) =>
    readFileSync(join(compiler, "lib", `lib.${name}.d.ts`), "utf8"),
  );
  const taken = new Set(
    libraries.flatMap((text) =>
      [...text.matchAll(/^(?:declare var|interface|declare type|type|declare function) (\w+)/gm)].map((found) => found[1]),
    ),
  );
  expect(taken.size).toBeGreaterThan(500);
  expect(names.filter((name) => taken.has(name))).toEqual([]);
});

it("names the alert of a commitment's new clock apart from those of before, as the service does", () => {
  const alert = (more: object) => {
    const payload = { commitment_id: "c1", mou_id: "m1", title: "Report", days_until_deadline: 30, alert_level: 1, ...more };
    return entryId({ type: "commitment_alert", priority: "high", payload } as unknown as ServerMessage);
  };
  expect([alert({}), alert({ restarts: 2 })]).toEqual(["alert.c1.1", "alert.c1.1-2"]);
});
