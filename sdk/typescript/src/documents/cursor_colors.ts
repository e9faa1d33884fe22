// Made from the colours of the service by `make generate`: change those, not this file.

/** White text on these, and these on white paper, has a contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3). */
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
