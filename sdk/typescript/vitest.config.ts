import { defineConfig } from "vitest/config";

export default defineConfig({
  // A loaded machine is no reason to fail: tests wait for facts, and a test that hangs says so after a minute.
  test: { include: ["test/**/*.test.{ts,tsx}"], testTimeout: 60_000, hookTimeout: 60_000, maxWorkers: 2 },
});
