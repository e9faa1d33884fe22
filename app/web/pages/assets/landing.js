// The door: the key of the link is in the fragment, which browsers send to no server, and is spent with one click.
import { admit } from "/room/assets/guest.js";

const key = location.hash.slice(1);
const open = key !== "" || sessionStorage.getItem("guest") !== null;
for (const part of document.querySelectorAll(open ? ".door" : ".closed")) part.hidden = false;

for (const door of document.querySelectorAll(".door")) {
  door.querySelector("button").addEventListener("click", async () => {
    const language = door.dataset.language;
    const refused = key === "" ? null : await admit(key);
    if (refused === null) {
      location.assign(`/room?language=${language}`);
      return;
    }
    const said = {
      en: "This link was used or is too old. Take one from a guest in the room, or start the service again.",
      ar: "استُعمل هذا الرابط أو انتهت مدته. خذ رابطًا من ضيف في الغرفة أو أعد تشغيل الخدمة.",
    };
    for (const place of document.querySelectorAll(".said")) {
      place.textContent = said[place.closest("section").lang];
      place.hidden = false;
    }
  });
}
