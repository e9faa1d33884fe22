/** The colours of cursors: one a user, the same in every document, on every device and in every SDK. */
import { CURSOR_COLORS } from "./cursor_colors.js";

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
