// The player of a recording: a scrubber, one lane per connection, the state at the cursor, the frames before it.

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]
const WINDOWS = [0, 600, 60, 10] // seconds that the lanes show; 0: all
const IDLE = 2_000 // ms without a frame, after which time is skipped
const LISTED = 14 // frames before the cursor
const AUTHORS = 8 // styles of authors
const STATUS_TONES = { translated: "good", changed: "warn", missing: "warn", untranslated: "info", unknown: "info" } // of clauses

// Unpacks the data of a player: base64 of gzip of JSON
function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0))
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json()
}

// Mounts a player in `host`, again after each change of language and theme. `switches`: true if it offers these changes
function mountPlayer(host, data, { language, theme, switches }) {
  const view = { at: 0, speed: 1, skip: true, window: 0, filter: "", page: 0, document: 0, beside: {}, theme, language, zone: switches ? "UTC" : "" }
  let stop = () => {}
  const draw = () => {
    stop()
    const made = player(data, view, switches ? draw : null)
    host.replaceChildren(made.root)
    stop = made.stop
    made.begin()
  }
  draw()
  return () => stop()
}

function player(data, view, redraw) {
  const { words, locale, direction, pages, states, clauses: terms_of } = data.languages[view.language]
  const root = document.createElement("div")
  const zone = view.zone ? { timeZone: view.zone } : {} // else the reader's own
  const tools = drawing({ words, locale, root, perform: () => {}, now: () => 1000 * data.start + view.at, zone })
  const { make, isolated, formatted, badge, numbers, say } = tools
  Object.assign(root, { className: "page-root player", lang: view.language, dir: direction })
  root.dataset.theme = view.theme
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "long", ...zone })
  const date = (ms) => new Date(1000 * data.start + ms)
  const isOfOneDay = day.format(date(0)) === day.format(date(data.length))
  const precise = new Intl.DateTimeFormat(locale, {
    ...(isOfOneDay ? {} : { day: "numeric", month: "short" }),
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" },
    ...zone,
  })
  const { at, kind, lane, to, type, channel, user, text } = data.marks
  const kinds = words.kinds.split("|")
  const button = (label, onclick, attributes = {}) => make("button", { type: "button", onclick, ...attributes }, label)
  const choice = (label, values, chosen, onchange) => {
    const options = values.map(([value, name]) => make("option", { value, selected: value === chosen }, name))
    const select = make("select", {}, ...options)
    select.addEventListener("change", () => onchange(Number(select.value)))
    return make("label", { class: "choice" }, label, " ", select)
  }

  // --- what is seen -----------------------------------------------------------------------------------------

  let seen = []
  let terms = []
  const person = (number) => `${data.lanes[number].user} ${data.lanes[number].name}`.toLowerCase()
  const name = (number) => data.names[number]

  function texts(mark) {
    const found = {
      type: name(type[mark]),
      channel: name(channel[mark]).toLowerCase(),
      kind: kinds[kind[mark]].toLowerCase(),
      sender: `${name(user[mark])} ${lane[mark] >= 0 ? person(lane[mark]) : ""}`.toLowerCase(),
      payload: data.texts[text[mark]].toLowerCase(),
    }
    // Receivers count as well, but only where the filter asks for users
    return Object.defineProperty(found, "user", { get: () => [found.sender, ...to[mark].map(person)].join("\n") })
  }

  function narrow(asked) {
    view.filter = asked
    terms = filterTerms(asked)
    seen = at.map((_, mark) => mark)
    if (terms.length) seen = seen.filter((mark) => passes(terms, texts(mark)))
    const people = terms.filter((term) => term.key === "user")
    const named = (number) => passes(people, { user: person(number) })
    field.choose(seen, named)
    const said = terms.length && !seen.length ? words.none_match : words.shown
    count.textContent = say(said, { shown: numbers.format(seen.length), all: numbers.format(at.length) })
    redrawAll()
  }

  // The first of `seen` that is later than a time
  function after(ms) {
    let low = 0
    let high = seen.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (at[seen[middle]] <= ms) low = middle + 1
      else high = middle
    }
    return low
  }

  let place = -1
  let blocks = []
  function state(ms) {
    let next = place >= 0 && states[place][0] <= ms ? place : -1
    while (next + 1 < states.length && states[next + 1][0] <= ms) next += 1
    if (next === place) return blocks
    let from = place < 0 || next < place ? 0 : place + 1
    for (let each = next; each > from; each -= 1) {
      if (states[each][1].all) from = each
    }
    if (from === 0) blocks = []
    for (let each = from; each <= next; each += 1) blocks = changed(blocks, states[each][1])
    place = next
    return blocks
  }

  // --- controls ---------------------------------------------------------------------------------------------

  const title = make("h2", {}, `${words.title} · `, make("time", { datetime: date(0).toISOString() }, formatted(day.format(date(0)))))
  const proof = data.proof.ok ? badge(words.proven, "good") : badge(`${words.broken} ${data.proof.fault}`, "bad")
  const head = make("div", { class: "toolbar" }, title, proof)
  if (redraw) {
    const other = Object.keys(data.languages).filter((each) => each !== view.language)
    const change = (what) => () => {
      Object.assign(view, what)
      redraw()
    }
    for (const each of other) head.append(button(data.languages[each].words.own_name, change({ language: each }), { lang: each }))
    head.append(button(view.zone ? words.local_time : words.utc, change({ zone: view.zone ? "" : "UTC" })))
    const dark = view.theme === "dark"
    head.append(button(dark ? words.light : words.dark, change({ theme: dark ? "light" : "dark" })))
  }
  const cut = data.cut ? make("p", { class: "banner warn" }, badge(say(data.newest ? words.cut_first : words.cut, { count: numbers.format(data.cut) }), "warn")) : null

  const sign = (symbol, label) => [make("span", { "aria-hidden": "true" }, symbol), " ", label]
  const toggle = button("", () => (playing ? pause() : play()), { class: "primary" })
  const clock = make("output", { class: "clock" })
  const controls = make("div", { class: "toolbar" })
  const back = button("", () => step(-1))
  const forth = button("", () => step(1))
  back.append(...sign(direction === "rtl" ? "⏭" : "⏮", words.previous))
  forth.append(...sign(direction === "rtl" ? "⏮" : "⏭", words.next))
  const speeds = SPEEDS.map((speed) => [speed, `${speed}×`])
  const skip = make("input", { type: "checkbox", checked: view.skip })
  skip.addEventListener("change", () => (view.skip = skip.checked))
  controls.append(back, toggle, forth, clock)
  controls.append(choice(words.speed, speeds, view.speed, (speed) => (view.speed = speed)))
  controls.append(make("label", { class: "choice" }, skip, " ", words.skip_idle))

  const drawings = strips(tools, data, words, direction)
  const bars = make("canvas", { class: "density", "aria-hidden": "true" })
  const slider = make("input", { type: "range", min: 0, max: data.length, step: 1, value: view.at, "aria-label": words.time })
  slider.addEventListener("input", () => seek(Number(slider.value)))
  slider.addEventListener("keydown", (event) => {
    const forward = direction === "rtl" ? "ArrowLeft" : "ArrowRight"
    const backward = direction === "rtl" ? "ArrowRight" : "ArrowLeft"
    const leap = { [forward]: 1_000, ArrowUp: 1_000, [backward]: -1_000, ArrowDown: -1_000, PageUp: data.length / 10, PageDown: -data.length / 10 }[event.key]
    if (leap === undefined) return
    event.preventDefault()
    seek(view.at + leap * (event.shiftKey ? 10 : 1))
  })
  bars.addEventListener("pointerdown", (event) => {
    const box = bars.getBoundingClientRect()
    const share = (event.clientX - box.left) / box.width
    seek((direction === "rtl" ? 1 - share : share) * data.length)
  })

  const search = make("input", { type: "search", "aria-label": words.filter, placeholder: words.filter, title: words.filter_help, dir: "auto", value: view.filter })
  search.addEventListener("input", () => narrow(search.value))
  const count = make("span", { class: "count", role: "status" })
  const span = (seconds) => [seconds, seconds ? say(words.seconds, { count: seconds }) : words.all_time]
  const windowed = choice(words.window, WINDOWS.map(span), view.window, (seconds) => {
    view.window = seconds
    redrawAll()
  })
  const filtering = make("div", { class: "toolbar" }, search, count, windowed)

  const laned = make("div", { class: "lanes", tabindex: 0, role: "region", "aria-label": words.lanes })
  const field = drawings.lanes(laned)
  const key = make("p", { class: "key" }, ...["sent", "received", "refused"].map((each) => make("span", { class: each }, words[`key_${each}`])))
  const lanesBox = make("section", { class: "table wide" }, make("h2", {}, words.lanes), laned, key)

  // --- the state at the cursor ------------------------------------------------------------------------------

  const shown = make("div", { class: "blocks" })
  const board = tools.board(shown)
  const tabs = pages.map(([, label], number) =>
    button(label, () => turn(number), { "aria-pressed": String(number === view.page), class: "tab" }),
  )
  const asOf = make("p", { class: "since" })
  const paper = make("section", { class: "table wide written" })
  const stateBox = make("section", { class: "state", "aria-label": words.state })
  stateBox.append(make("h2", {}, words.state), make("div", { class: "toolbar tabs" }, ...(tabs.length > 1 ? tabs : [])), asOf, shown, paper)

  const drafts = data.documents.map((each) => ({ ...each, ...documentText(each) }))
  const pairs = data.pairs.map((each) => ({ ...each, ...clauseMoments(each) }))
  const sheet = (label) => make("div", { class: "paper", dir: "auto", tabindex: 0, role: "region", "aria-label": label })
  const text_of = sheet(words.document_text)
  const text_beside = sheet(words.beside_text)
  const clauses = make("div", { class: "clauses", tabindex: 0, role: "region", "aria-label": words.clauses })
  const papers = make("div", { class: "papers" }, text_of, text_beside)
  const unpaired = make("p", { class: "since" }, words.unpaired)
  const authors = make("ul", { class: "authors" })
  const version = make("p", { class: "since" })
  let written = ""
  let besides = null
  if (drafts.length) {
    const named = drafts.map(({ name }, number) => [number, inert(name)])
    besides = choice(words.beside, [[-1, words.nothing_beside], ...named], beside(), (number) => {
      view.beside[view.document] = number
      render()
    })
    const chosen = choice(words.document, named, view.document, (number) => {
      view.document = number
      render()
    })
    const choices = make("div", { class: "toolbar" }, chosen, ...(drafts.length > 1 ? [besides] : []))
    paper.append(make("h2", {}, words.document_text), choices, version, unpaired, papers, clauses, authors)
  }

  // The number of the document that stands beside the chosen one: as a reader chose, else its counterpart then, else -1
  function beside() {
    if (view.document in view.beside) return view.beside[view.document]
    const pair = pairs.find(({ first, second, at }) => [first, second].includes(view.document) && at(view.at))
    return pair ? pair.first + pair.second - view.document : -1
  }

  function write() {
    paper.hidden = pages[view.page][0] !== "documents" || !drafts.length
    if (paper.hidden) return
    const [own, other] = [view.document, beside()]
    besides.querySelector("select").value = other
    const pair = pairs.find(({ first, second }) => [first, second].includes(own) && first + second - own === other)
    const moment = pair?.at(view.at)
    const edits = [own, other].map((number) => drafts[number]?.count(view.at) ?? 0)
    const now = [own, other, ...edits, moment?.place].join(" ")
    if (written === now) return
    written = now
    version.textContent = said_version(own, edits[0])
    version.hidden = Boolean(moment)
    unpaired.hidden = other < 0 || Boolean(moment)
    papers.hidden = Boolean(moment)
    clauses.hidden = !moment
    clauses.replaceChildren(...(moment ? [clause_table(pair, moment, own === pair.first ? [0, 1] : [1, 0])] : []))
    const whole = moment ? [] : [own, other].filter((number) => number >= 0)
    const texts = [text_of, text_beside]
    texts.forEach((text) => text.replaceChildren())
    whole.forEach((number, place) => texts[place].replaceChildren(...spans(drafts[number], drafts[number].runs(edits[place]))))
    text_beside.hidden = other < 0
    const named = (number) => drafts[number].authors.map((each, author) => make("li", {}, make("span", { class: look(author) }, isolated(each))))
    const titled = (number) => [make("li", {}, isolated(drafts[number].name), ":"), ...named(number)]
    authors.replaceChildren(...(moment ? [own, other].flatMap(titled) : named(own)))
  }

  const said_version = (number, edits) => say(words.version, { version: numbers.format(drafts[number].first + edits) })
  const look = (author) => (author < 0 ? "author" : `author a${author % AUTHORS}`)

  // The elements of runs of a text, by author and attributes
  function spans(draft, runs) {
    const dress = (look) => Object.entries(look).filter(([, value]) => value).map(([what, value]) => (value === true ? what : `${what}-${value}`))
    return runs.map((run) =>
      make("span", { class: [look(run.author), ...dress({ ...run.look, link: run.look.link ? true : null, alternative: run.look.alternative ? true : null })].join(" "), title: inert(draft.authors[run.author] ?? words.before), ...(run.look.alternative ? { "data-alternative": inert(run.look.alternative) } : {}) }, inert(run.text)),
    )
  }

  // The clauses of a pair, one row each; `sides` are those of its texts, the chosen one first
  function clause_table(pair, { edits, cuts, rows }, sides) {
    const numbered = [pair.first, pair.second]
    const parts = sides.map((side) => clauseParts(drafts[numbered[side]].runs(edits[side]), cuts[side]))
    const heads = sides.map((side) => make("th", { scope: "col" }, isolated(drafts[numbered[side]].name), " ", make("span", { class: "since" }, said_version(numbered[side], edits[side]))))
    const cell = (side, column, place) => {
      if (place < 0) return make("td")
      const [, direction] = cuts[side][place + 1]
      const lines = clauseLines(parts[column][place], direction)
      return make("td", { class: "paper", dir: direction }, ...lines.map((line) => make("div", { dir: line.direction }, ...spans(drafts[numbered[side]], line.runs))))
    }
    const line = ([key, status, changed, ...places]) =>
      make("tr", {}, make("th", { scope: "row" }, isolated(key, { dir: "ltr" })), make("td", {}, badge(said_status(status, changed, sides), STATUS_TONES[status])), ...sides.map((side, column) => cell(side, column, places[side])))
    const head = make("tr", {}, make("th", { scope: "col" }, terms_of.clause), make("th", { scope: "col" }, terms_of.status), ...heads)
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.map(line)))
  }

  function said_status(status, changed, sides) {
    if (status !== "changed") return terms_of[status]
    const named = sides.map((side, column) => changed.includes(["first", "second"][side]) && ["first", "second"][column]).filter(Boolean)
    return terms_of.changed.replace("{}", terms_of[named.length > 1 ? "both" : named[0]])
  }

  function turn(number) {
    view.page = number
    tabs.forEach((tab, each) => tab.setAttribute("aria-pressed", String(each === number)))
    render()
  }

  // --- the frames before the cursor -------------------------------------------------------------------------

  const listed = make("div", { class: "blocks listed" })
  const list = tools.board(listed)
  const columns = ["time", "kind", "name", "type", "channel", "payload"].map((each) => [each, words[`col_${each}`]])
  const rows = new Map()
  function row(mark) {
    if (!rows.has(mark)) {
      const who = lane[mark] >= 0 ? data.lanes[lane[mark]].name || name(user[mark]) : name(user[mark])
      const tone = kind[mark] === REFUSED ? "bad" : kind[mark] === SENT ? "good" : "info"
      const cells = [precise.format(date(at[mark])), { badge: kinds[kind[mark]], tone }, who, name(type[mark]), name(channel[mark])]
      rows.set(mark, { key: String(mark), cells: [...cells, data.texts[text[mark]] ? { peek: data.texts[text[mark]], brief: true } : null] })
    }
    return rows.get(mark)
  }

  // --- showing it -------------------------------------------------------------------------------------------

  function render() {
    point()
    const before = after(view.at)
    const these = seen.slice(Math.max(0, before - LISTED), before).reverse().map(row)
    list.show([{ id: "frames", kind: "table", title: words.frames, columns, rows: these, count: { total: before, found: before, first: before - these.length, size: LISTED, filter: "" }, empty: terms.length && !seen.length ? words.no_match : words.nothing_yet, wide: true }])
    const [page] = pages[view.page]
    board.show(state(view.at).filter((block) => block.page === page))
    tools.count(shown)
    asOf.textContent = place < 0 ? words.nothing_yet : say(words.as_of, { time: precise.format(date(states[place][0])) })
    write()
    if (view.window) drawLanes()
  }

  function point() {
    const time = precise.format(date(view.at))
    clock.textContent = view.zone ? `${time} ${view.zone}` : time
    slider.value = view.at
    slider.setAttribute("aria-valuetext", time)
    field.point(view.window ? 0.5 : view.at / (data.length || 1))
  }

  function drawLanes() {
    const half = (1000 * view.window) / 2
    const [from, until] = view.window ? [view.at - half, view.at + half] : [0, data.length]
    field.draw(seen, from, until)
  }

  function redrawAll() {
    drawings.density(bars, seen)
    drawLanes()
    field.canvas.setAttribute("aria-label", say(words.lanes_told, { frames: numbers.format(seen.length), lanes: numbers.format(data.lanes.length) }))
    render()
  }

  // --- time -------------------------------------------------------------------------------------------------

  let playing = 0
  let last = 0
  let rendered = 0
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 500 : 120

  function seek(ms) {
    view.at = Math.round(Math.max(0, Math.min(data.length, ms)))
    render()
  }

  function step(by) {
    pause()
    const next = by > 0 ? after(view.at) : after(view.at - 1) - 1
    if (next < seen.length) seek(next < 0 ? 0 : at[seen[next]])
  }

  function tick(now) {
    const next = seen[after(view.at)]
    let ms = view.at + Math.min(250, now - last) * view.speed
    if (view.skip && next !== undefined && at[next] - view.at > IDLE) ms = at[next] - 200
    last = now
    view.at = Math.min(data.length, Math.round(ms)) // as marks are: the next one is then later to the eye, too
    if (view.at >= data.length) pause()
    else playing = requestAnimationFrame(tick)
    if (now - rendered >= calm || !playing) {
      rendered = now
      render()
    } else if (calm < 500) point()
  }

  function play() {
    if (view.at >= data.length) view.at = 0
    last = performance.now()
    playing = requestAnimationFrame(tick)
    label()
  }

  function pause() {
    cancelAnimationFrame(playing)
    playing = 0
    label()
  }

  function label() {
    toggle.replaceChildren(...(playing ? sign("⏸", words.pause) : sign("▶", words.play)))
  }

  root.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.composedPath()[0].matches("button, input, select, textarea, a")) return
    event.preventDefault()
    toggle.click()
  })
  const time = make("div", { class: "time" }, bars, slider)
  root.append(head, ...(cut ? [cut] : []), controls, time, filtering, lanesBox, make("div", { class: "halves" }, stateBox, listed))
  const watcher = new ResizeObserver(() => redrawAll())

  function begin() {
    label()
    narrow(view.filter)
    watcher.observe(root)
  }

  function stop() {
    pause()
    watcher.disconnect()
  }

  return { root, begin, stop }
}
