/**
 * The pieces that a difference compares: lines, then words, then characters as readers see them.
 *
 * A mark (an Arabic vowel sign, the skin tone of an emoji) stays with the character that it marks, and so do characters
 * that a joiner connects: no difference has an edge inside one. Clusters follow UAX #29, and where its tables are not at
 * hand they are longer than its own, never shorter.
 */

export type Level = "line" | "word" | "character";

/** All combining marks, the non-joiner, skin tones and the tags of flags. */
const MARK = String.raw`\p{M}\u200c\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}`;
/** What belongs to the character before it; a joiner takes the next character too. */
const TAIL = String.raw`(?:[${MARK}]|\u200d[^\r\n]?)*`;
const PREPENDED = String.raw`[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]*`;
const JAMO = String.raw`[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+`;
const FLAG = String.raw`[\u{1f1e6}-\u{1f1ff}]{2}`;
const CHARACTER = String.raw`\r\n|\n|${FLAG}${TAIL}|${PREPENDED}(?:${JAMO}|[^\n])${TAIL}`;
const WORD = String.raw`(?:${PREPENDED}[\p{L}\p{N}_]${TAIL})+`;
const BLANK = String.raw`(?:[^\S\r\n]|\r(?!\n))+${TAIL}`;

const PIECES: Record<Level, RegExp> = {
  line: /[^\n]*\n|[^\n]+/g,
  word: new RegExp(String.raw`\r\n|\n|${WORD}|${BLANK}|${CHARACTER}`, "gu"),
  character: new RegExp(CHARACTER, "gu"),
};
const FIRST_MARK = new RegExp(String.raw`^[${MARK}\u200d]`, "u");
const WORTH_KEEPING = /[\n\p{L}\p{N}]/u;

/** Return the pieces of `text`; joined they are the text. */
export function cut(text: string, level: Level): string[] {
  return text.match(PIECES[level]) ?? [];
}

/** Return true for a text that begins with what belongs to the character before it. */
export function beginsWithMark(text: string): boolean {
  return FIRST_MARK.test(text);
}

/** Return true for a text of spaces and signs alone, in one line. */
export function isBlank(text: string): boolean {
  return !WORTH_KEEPING.test(text);
}
