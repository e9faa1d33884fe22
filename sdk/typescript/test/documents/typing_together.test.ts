/** Words that people type at one place at once stay whole, at any lines and any pace; and a fault would show. */
import { afterEach, expect, it, vi } from "vitest";
import { insert, operation, remove, retain } from "../../src/documents/ot/operations.js";
import type { transform } from "../../src/documents/ot/transform.js";
import { Chance } from "./chance.js";
import { DocumentService } from "./document_service.js";
import { Person, Schedule } from "./simulated.js";

const LATENCIES_MS = [20, 50, 100, 200, 300];
const LETTERS_A_SECOND = [4, 8, 15];
/** Of each person, of letters that nobody else types. */
const WORDS = ["abcdefghijklmn", "ابتثجحخدذرزسشص", "😀😁😂😃😄😅😆😇😈😉😊😋😌😍", "ABCDEFGHIJKLMN"].map((word) => [...word]);
const PLACE = 1; // in the text `[]`

const fault = vi.hoisted(() => ({ isTieReversed: false }));
vi.mock("../../src/documents/ot/transform.js", async (original) => {
  const real = await original<typeof import("../../src/documents/ot/transform.js")>();
  const reversible: typeof transform = (first, second) => {
    if (!fault.isTieReversed) {
      return real.transform(first, second);
    }
    const [seconds, firsts] = real.transform(second, first);
    return [firsts, seconds];
  };
  return { ...real, transform: reversible };
});

afterEach(() => void (fault.isTieReversed = false));

/** A person who types one word, and now and then takes the last letter back first. */
class Typist extends Person {
  typed = 0;

  constructor(
    service: DocumentService,
    schedule: Schedule,
    readonly word: readonly string[],
    latency: number,
    private readonly gap: number,
    private readonly chance: Chance,
  ) {
    super(service, schedule, word[0]!, latency * (0.8 + 0.45 * chance.next()));
    schedule.at(chance.next() / 2, () => this.type());
  }

  private type(): void {
    if (!this.replica.caret.place) {
      this.does(() => this.replica.moveCursor({ position: PLACE, selectionLength: 0 }));
    }
    // The first letter stays: with it a word gives up its place, and the caret stands where others write.
    if (this.typed > 1 && this.chance.next() < 0.1) {
      const size = this.word[--this.typed]!.length;
      this.edit(operation(retain(this.at - size), remove(size), retain(this.text.length - this.at)));
    }
    const letter = this.word[this.typed++]!;
    this.edit(operation(retain(this.at), insert(letter), retain(this.text.length - this.at)));
    if (this.typed < this.word.length) {
      this.schedule.at(this.schedule.now + this.gap * (0.4 + 1.2 * this.chance.next()), () => this.type());
    }
  }

  private get at(): number {
    return this.replica.caret.place!.position;
  }
}

/** Return how many cuts others' letters make in the words of so many people. */
function tornRuns(people: number, latencyMs: number, lettersASecond: number, seed: number): number {
  const chance = new Chance(seed);
  const service = new DocumentService("[]");
  const schedule = new Schedule();
  const typists = WORDS.slice(0, people).map(
    (word) => new Typist(service, schedule, word, latencyMs / 1000, 1 / lettersASecond, chance),
  );
  schedule.play();
  const { text } = service.document;
  for (const { replica, errors, typed, word } of typists) {
    expect([typed, replica.isSynced, errors, replica.document.text]).toEqual([word.length, true, [], text]);
  }
  const letters = [...text];
  let torn = 0;
  for (const { word } of typists) {
    expect(letters.filter((letter) => word.includes(letter))).toEqual(word);
    torn += letters.filter((letter, at) => word.includes(letter) && !word.includes(letters[at - 1] ?? "")).length - 1;
  }
  return torn;
}

it.each([2, 3, 4])("tears no word of %i people at any latency and pace", (people) => {
  for (const latency of LATENCIES_MS) {
    for (const pace of LETTERS_A_SECOND) {
      for (const seed of [1, 2, 3]) {
        expect([latency, pace, seed, tornRuns(people, latency, pace, seed)]).toEqual([latency, pace, seed, 0]);
      }
    }
  }
});

it("finds the words that a reversed tie rule tears, on the service and in the SDK alike", () => {
  fault.isTieReversed = true;
  const torn = [2, 3, 4].map((people) => tornRuns(people, 100, 8, 1));
  expect(torn.reduce((sum, runs) => sum + runs)).toBeGreaterThan(0);
});
