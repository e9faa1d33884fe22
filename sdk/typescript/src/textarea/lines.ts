/** The line ends of a textarea: it shows "\r\n" and "\r" as "\n", so its places are not always those of the text. */

/** Return a text as a textarea shows it. */
export function shownLines(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}

/** Return the place in a text of a place in what a textarea shows of it. */
export function inText(text: string, shown: number): number {
  if (!text.includes("\r")) {
    return shown;
  }
  let at = 0;
  for (let left = shown; left > 0 && at < text.length; left--) {
    at += text.startsWith("\r\n", at) ? 2 : 1;
  }
  return at;
}

/** Return the place in what a textarea shows of a place in the text. */
export function inShown(text: string, place: number): number {
  return shownLines(text.slice(0, place)).length;
}
