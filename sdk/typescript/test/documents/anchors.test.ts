/** A comment moves alike in both SDKs: `tests/agreement/test_anchors.py` reads the same table. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { movedAnchor } from "../../src/documents/ot/anchors.js";
import { insert, normal, remove, retain } from "../../src/documents/ot/operations.js";

interface Row {
  readonly operation: readonly (number | string)[];
  readonly anchor: readonly [number, number, boolean];
  readonly quote: string;
  readonly then: readonly [number, number, boolean];
}

const rows = JSON.parse(
  readFileSync(new URL("../../../../tests/agreement/anchors.json", import.meta.url), "utf8"),
) as Row[];

it("moves an anchor as the table says", () => {
  for (const row of rows) {
    const parts = row.operation.map((part) =>
      typeof part === "string" ? insert(part) : part > 0 ? retain(part) : remove(-part),
    );
    const [start, end, orphaned] = row.anchor;
    const moved = movedAnchor({ start, end, orphaned }, normal(parts), row.quote);
    expect([moved.start, moved.end, moved.orphaned], JSON.stringify(row)).toEqual(row.then);
  }
});
