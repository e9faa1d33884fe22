/** The page at `/`: the key of the link is in the fragment, which browsers send to no server, and one click spends it. */
import { admit, guest } from "./guest.js";

const key = location.hash.slice(1);
const isOpen = key !== "" || guest() !== undefined;

for (const each of document.querySelectorAll<HTMLElement>(isOpen ? ".door" : ".closed")) each.hidden = false;

async function enter(language: string): Promise<void> {
  if (key === "" || (await admit(key))) {
    location.assign(`/room?language=${language}`);
    return;
  }
  for (const said of document.querySelectorAll<HTMLElement>(".said")) said.hidden = false;
}

for (const door of document.querySelectorAll<HTMLElement>(".door")) {
  door.querySelector("button")?.addEventListener("click", () => void enter(door.dataset.language ?? "en"));
}
