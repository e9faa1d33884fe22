/** The colours of cursors: one a user, the same in every document, on every device and in every SDK. */

/** Colours on which white text, and which on white paper, has a contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3). */
export const CURSOR_COLORS: readonly string[] = [
  "#b3261e",
  "#8c4a00",
  "#6b5900",
  "#3f6600",
  "#006d3b",
  "#006a6a",
  "#00639b",
  "#2f57c4",
  "#5b4bc4",
  "#8236ad",
  "#a1287f",
  "#7a4f3a",
];

/** Return the colour of a user's cursors, as `#rrggbb`. */
export function cursorColor(userId: string): string {
  return CURSOR_COLORS[crc32(new TextEncoder().encode(userId)) % CURSOR_COLORS.length]!;
}

function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }
  }
  return (sum ^ 0xffffffff) >>> 0;
}
