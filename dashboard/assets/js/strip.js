// The line above every page: the status of the service, its beginning, and the age of the shown data.

// `told` (service_strip.py) comes with every message; between two, and while the page is paused, the age is counted here
function serviceStrip({ make, badge, clock, lasting, say }, words) {
  const alarm = make("span", { role: "alert" })
  const calm = make("span")
  const age = make("span", { class: "age" })
  const note = make("span", { class: "note" })
  const held = make("span", { class: "held" })
  const node = make("section", { class: "strip", "aria-label": words.strip }, alarm, calm, age, note, held)
  let strip = null
  let came = 0 // when the strip was told
  let heard = Date.now() // when the dashboard last said anything
  let pausedAt = 0
  let status = ""

  // The status is replaced only when it changes, so that screen readers read an alarm once
  function put(tone, text, since = "") {
    const key = `${tone} ${text} ${since}`
    if (key === status) return
    status = key
    node.dataset.tone = tone
    const told = [badge(text, tone), " ", since]
    alarm.replaceChildren(...(tone === "bad" ? told : []))
    calm.replaceChildren(...(tone === "bad" ? [] : told))
  }

  function draw(silent) {
    if (silent) put("bad", say(words.silent, { time: clock.format(new Date(heard)) }))
    else if (strip) put(strip.tone, strip.text, strip.since ? say(words.since, { time: clock.format(new Date(1000 * strip.since)) }) : "")
    if (!strip) return
    const seconds = strip.age === null ? null : strip.age + Math.round((Date.now() - came) / 1000)
    age.textContent = seconds === null ? words.no_data : say(words.age, { time: lasting(seconds) })
    note.textContent = strip.note
    held.textContent = pausedAt ? say(words.paused_at, { time: clock.format(new Date(pausedAt)) }) : ""
  }

  return {
    node,
    silence: () => Date.now() - heard,
    tell(told) {
      heard = Date.now()
      if (told) {
        strip = told
        came = heard
      }
      draw(false)
    },
    draw,
    pause(paused) {
      pausedAt = paused ? Date.now() : 0
      draw(false)
    },
  }
}
