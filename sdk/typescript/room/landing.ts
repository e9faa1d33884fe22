/** The page at `/`: the key of the link is in the fragment, which browsers send to no server, and one click spends it. */
import { admit, guest } from "./guest.js";

const key = location.hash.slice(1);
const isOpen = key !== "" || guest() !== undefined;

for (const each of document.querySelectorAll<HTMLElement>(isOpen ? ".door" : ".closed")) each.hidden = false;

async function enter(language: string): Promise<void> {
  show(".late", false);
  if (key === "" || (await admit(key))) location.assign(`/room?language=${language}`);
  else show(".said", true);
}

function show(name: string, isShown: boolean): void {
  for (const each of document.querySelectorAll<HTMLElement>(name)) each.hidden = !isShown;
}

for (const door of document.querySelectorAll<HTMLElement>(".door")) {
  door.querySelector("button")?.addEventListener("click", () => {
    enter(door.dataset.language ?? "en").catch(() => show(".late", true));
  });
}
