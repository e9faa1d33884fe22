/** `vi.waitFor` gives up after a second, and no setting says otherwise: here it waits nearly as long as a test may. */
import { vi } from "vitest";

const { waitFor } = vi;

vi.waitFor = (fact, options) =>
  waitFor(fact, { timeout: 200_000, ...(typeof options === "number" ? { timeout: options } : options) });
