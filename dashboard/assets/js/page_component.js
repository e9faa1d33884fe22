// One page of the dashboard: its toolbar, its blocks, and the messages from the server that update them.

const SILENCE = 10_000 // ms without a message from the dashboard
const TYPING = 200 // ms without another letter, after which a filter is asked of the dashboard
const TAP = 400 // ms within which the click of a touch follows its release
const PRESS = 3_000 // ms after which a press is taken to be over, if its release is not seen

export function render({ model }) {
  const words = model.words
  const root = document.createElement("div")
  const tools = drawing({ words, locale: model.locale, root, perform, turn })
  const { make, badge, dialog, isolated, lasting } = tools
  const HOURS = [1, 4, 24, 72, 168, 720] // of a snooze or a delegation, as actions.py takes them

  // --- actions of the user ---------------------------------------------------------------------------------

  const status = make("p", { class: "status", role: "status", "aria-live": "polite" })
  let hush = 0
  let looked = null // the thing that a dialog shows in full
  // Says something for some seconds, or, if it `lasts`, until something else is said
  function tell(text, tone, lasts = false) {
    const where = looked?.status ?? status // behind a dialog nobody reads it
    where.replaceChildren(badge(text, tone))
    clearTimeout(hush)
    hush = lasts ? 0 : setTimeout(() => where.replaceChildren(), 12_000)
  }

  function perform(action) {
    if (action.look) look(action)
    else if (action.open) {
      model.send_msg(action)
      tell(words.opening, "info", true)
    } else if (action.off) tell(action.off, "warn")
    else if (action.reason === "none" && !action.ask) model.send_msg({ act: action.act, of: action.of, given: {} })
    else ask(action)
  }

  function ask(action) {
    const field = (name, label, attributes = {}) =>
      make("label", {}, label, make(attributes.rows ? "textarea" : "input", { name, required: true, maxlength: 500, dir: "auto", ...attributes }))
    const asked = []
    if (action.ask === "announcement") {
      asked.push(field("title_en", words.title_en, { lang: "en" }), field("title_ar", words.title_ar, { lang: "ar" }))
      asked.push(field("text_en", words.english, { lang: "en", rows: 3 }), field("text_ar", words.arabic, { lang: "ar", rows: 3 }))
    }
    if (action.ask === "level") {
      const options = model.levels.map(([value, label]) => make("option", { value }, label))
      asked.push(make("label", {}, words.level, make("select", { name: "level" }, ...options)))
    }
    if (action.ask === "delegate") asked.push(field("to", words.delegate_to, { maxlength: 64, dir: "ltr" }))
    if (action.ask === "snooze" || action.ask === "delegate") {
      const options = HOURS.map((hours) => make("option", { value: hours }, lasting(3600 * hours, "hour")))
      asked.push(make("label", {}, words.for, make("select", { name: "hours" }, ...options)))
    }
    const help = { "aria-description": words.reason_help }
    const reason = {
      needed: () => [field("reason", words.reason, { minlength: 3, ...help })],
      optional: () => [field("reason", words.reason_optional, { required: false, ...help })],
      none: () => [],
    }[action.reason ?? "needed"]()
    const confirm = (event) => {
      event.preventDefault()
      const given = Object.fromEntries(new FormData(form))
      model.send_msg({ act: action.act, of: action.of, given })
      box.close()
    }
    const cancel = make("button", { type: "button", onclick: () => box.close() }, words.cancel)
    const form = make(
      "form",
      { onsubmit: confirm },
      make("p", {}, isolated(action.of, { dir: "auto", class: "code" })),
      ...asked,
      ...reason,
      make("p", { class: "buttons" }, make("button", { type: "submit", class: "primary" }, words.confirm), cancel),
    )
    const box = dialog(action.label, form)
  }

  // --- one thing in full: a dialog whose blocks the dashboard sends, and sends again as they change -----------

  function look({ look: kind, of, label }) {
    const place = make("div", { class: "details" })
    const own = drawing({ words, locale: model.locale, root, perform }) // the page's filter does not hold here
    const close = make("button", { type: "button", onclick: () => box.close() }, words.close)
    const said = make("p", { class: "status", role: "status", "aria-live": "polite" })
    const box = dialog(label, make("p", {}, isolated(of, { dir: "auto", class: "code" })), place, said, make("p", { class: "buttons" }, close))
    box.classList.add("wide")
    const under = looked // the dialog that this one was opened from
    const mine = { kind, of, box, place, status: said, board: own.board(place), blocks: null }
    looked = mine
    box.addEventListener("close", () => {
      if (looked !== mine) return
      looked = under?.box.open ? under : null
      model.send_msg({ look: looked && { kind: looked.kind, of: looked.of } })
    })
    model.send_msg({ look: { kind, of } })
  }

  // --- the page ---------------------------------------------------------------------------------------------

  const place = make("div", { class: "blocks" })
  const board = tools.board(place)
  let shown = []

  // A button that is drawn anew between press and release gets no click: nothing is drawn until the release.
  let pressed = 0 // the timer of a press
  function draw() {
    if (pressed) return
    board.show(shown)
    if (looked?.blocks) looked.board.show(looked.blocks)
  }
  function hold(ms) {
    clearTimeout(pressed)
    pressed = setTimeout(() => {
      pressed = 0
      draw()
    }, ms)
  }
  const press = (event) => {
    if (event.type === "pointerdown" || event.key === " ") hold(PRESS) // the space bar presses a button too
  }
  const release = (event) => {
    if (pressed) hold(event.type === "pointerup" && event.pointerType === "touch" ? TAP : 0) // the click comes first
  }
  for (const sign of ["pointerdown", "keydown"]) root.addEventListener(sign, press, { passive: true })
  for (const sign of ["pointerup", "pointercancel", "keyup"]) window.addEventListener(sign, release, { passive: true })

  let paused = false
  const pause = make("button", { type: "button", "aria-pressed": "false" }, words.pause)
  pause.addEventListener("click", () => {
    paused = !paused
    pause.textContent = paused ? words.resume : words.pause
    pause.setAttribute("aria-pressed", String(paused))
    model.send_msg({ pause: paused })
    strip.pause(paused)
    if (paused) tell(words.paused, "info")
    else status.replaceChildren()
  })
  const search = make("input", { type: "search", "aria-label": words.filter, placeholder: words.filter, title: words.filter_help, maxlength: 200, dir: "auto" })
  // At once among the rows of this page; the dashboard then searches all its rows.
  let parts = {}
  let typed = 0
  const query = () => model.send_msg({ query: { filter: search.value, parts } })
  search.addEventListener("input", () => {
    board.filter(search.value)
    parts = {}
    clearTimeout(typed)
    typed = setTimeout(query, TYPING)
  })
  function turn(id, part) {
    parts = { ...parts, [id]: part }
    query()
  }
  const strip = serviceStrip(tools, words)
  Object.assign(root, { className: "page-root", lang: model.locale.slice(0, 2), dir: model.direction })
  root.dataset.theme = model.look
  if (model.charts) place.append(make("div", { class: "charts" }, model.get_child("charts")))
  const played = make("div")
  let leave = () => {}
  const play = (data) => {
    leave()
    leave = mountPlayer(played, data, { language: root.lang, theme: model.look, switches: false })
    status.replaceChildren()
  }
  root.append(strip.node, make("div", { class: "toolbar" }, search, pause, status), place, played)

  // --- messages of the dashboard ----------------------------------------------------------------------------

  // After a logout the page goes where the form leads, also if it is told meanwhile that the login is over.
  let leaving = false
  const leaves = (event) => {
    if (event.target.matches("form[action^='/logout']")) leaving = true
  }
  document.addEventListener("submit", leaves)

  model.on("msg:custom", (message) => {
    strip.tell(message.strip)
    if (message.news) {
      for (const text of message.news) shown = changed(shown, JSON.parse(text))
      search.hidden = pause.hidden = shown.some(({ kind }) => kind === "opener") // a player has its own
      draw()
      if (paused && message.news.length) strip.pause(true) // another part of a list: as it is now
      model.send_msg({ seen: message.count })
    }
    if (message.details && looked?.kind === message.kind && looked.of === message.of) {
      looked.blocks = message.details
      draw()
    }
    if (message.player) unpacked(message.player).then(play)
    if (message.told) tell(message.told, message.tone, message.lasts)
    if (message.bye && !leaving) location.assign(`/login${message.bye}&said=ended`)
  })
  let looking = false
  const watch = setInterval(async () => {
    if (strip.silence() < SILENCE || paused || !model.served || looking) return // what is paused stays before the eyes
    looking = true
    try {
      if ((await fetch("/healthz", { cache: "no-store" })).ok) location.reload()
    } catch {
      // The dashboard is still away: the next round tries again.
    } finally {
      looking = false
    }
  }, 5_000)
  const second = setInterval(() => {
    strip.draw(strip.silence() >= SILENCE)
    if (!paused) tools.count(place)
    if (looked) tools.count(looked.place)
  }, 1_000)
  let told = 0
  const active = () => {
    if (Date.now() - told > 60_000) {
      told = Date.now()
      model.send_msg({ active: true })
    }
  }
  for (const sign of ["pointerdown", "keydown"]) document.addEventListener(sign, active, { passive: true })
  model.on("remove", () => {
    clearInterval(watch)
    clearInterval(second)
    clearTimeout(pressed)
    leave()
    document.removeEventListener("submit", leaves)
    for (const sign of ["pointerup", "pointercancel", "keyup"]) window.removeEventListener(sign, release)
    for (const sign of ["pointerdown", "keydown"]) document.removeEventListener(sign, active)
  })

  model.send_msg({ ready: true })
  return root
}
