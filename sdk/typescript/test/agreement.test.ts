/** Plays the session scripts that the Python SDK plays too, and must do the same in each step. */
import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { Scripted, type Step } from "./scripted.js";

/** The scripts of the project, or those of another folder: AGREEMENT_SCRIPTS. */
const given = process.env.AGREEMENT_SCRIPTS;
const FOLDER = given ? pathToFileURL(`${given}/`) : new URL("../../../tests/agreement/scripts/", import.meta.url);

const scripts = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

it("finds the scripts", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(10);
});

it.each(scripts)("plays %s as the other client does", async (name) => {
  const told = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as { renewing: boolean; steps: Step[] };
  const client = new Scripted(told.renewing);
  for (const [at, step] of told.steps.entries()) {
    expect(await client.play(step), `${name}, step ${at + 1}: ${JSON.stringify(step)}`).toEqual(step.then ?? {});
  }
});
