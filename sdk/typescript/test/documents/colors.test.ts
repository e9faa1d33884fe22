/** A user's cursors have one colour in both SDKs: `tests/agreement/test_cursor_colors.py` reads the same table. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cursorColor } from "../../src/documents/index.js";

const table = JSON.parse(
  readFileSync(new URL("../../../../tests/agreement/cursor_colors.json", import.meta.url), "utf8"),
) as Record<string, string>;

it.each(Object.entries(table))("gives %j the colour %s", (userId, color) => {
  expect(cursorColor(userId)).toBe(color);
});
