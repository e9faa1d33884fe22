// Says that a page does not open: its socket was refused, as its login has just ended, or does not get through.
//
// The page is drawn by a component that comes over the socket: without the socket, the page stays empty.

const TIMEOUT = 15_000 // ms

const content = document.getElementById("content")
const note = document.getElementById("opening")

function look() {
  if (!content.querySelector("[data-root-id] > *")) return
  note.remove()
  changes.disconnect()
}

const changes = new MutationObserver(look)
changes.observe(content, { childList: true, subtree: true })
look()
setTimeout(() => note.replaceChildren(document.getElementById("unopened").content.cloneNode(true)), TIMEOUT)
