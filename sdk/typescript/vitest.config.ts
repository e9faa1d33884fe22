import { defineConfig } from "vitest/config";

export default defineConfig({
  // A loaded machine is no reason to fail: tests wait for facts, and a test that hangs says so after four minutes.
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/patience.ts"],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 200_000 } },
    maxWorkers: 2,
  },
});
