// Draws the blocks of a page and keeps them as the server says they are. Data becomes text nodes, never markup.

const SIGNS = { good: "✓", warn: "!", bad: "✕", info: "•", muted: "–" }
const SILENCE = 10_000 // ms without a message from the dashboard

export function render({ model }) {
  const words = model.words
  const numbers = new Intl.NumberFormat(model.locale, { maximumFractionDigits: 1 })
  const clock = new Intl.DateTimeFormat(model.locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" })
  const full = new Intl.DateTimeFormat(model.locale, { dateStyle: "full", timeStyle: "long" })
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "")

  // --- elements ---------------------------------------------------------------------------------------------

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick" || name === "oninput" || name === "onsubmit") node.addEventListener(name.slice(2), value)
      else if (value === true) node.setAttribute(name, "")
      else if (value !== false && value != null) node.setAttribute(name, value)
    }
    node.append(...children.filter((child) => child != null))
    return node
  }

  const isolated = (text, attributes = {}) => make("bdi", attributes, String(text))

  function time(at) {
    const date = new Date(1000 * at)
    return make("time", { datetime: date.toISOString(), title: full.format(date) }, clock.format(date))
  }

  // A countdown: drawn once, and kept by the second below. A screen reader reads it when it comes there, and no more.
  const UNITS = { day: 86_400, hour: 3_600, minute: 60, second: 1 }
  const still = matchMedia("(prefers-reduced-motion: reduce)")
  const units = Object.keys(UNITS).map((unit) => [unit, new Intl.NumberFormat(model.locale, { style: "unit", unit, unitDisplay: "long" })])
  const list = new Intl.ListFormat(model.locale, { type: "unit", style: "long" })
  function left(at) {
    const seconds = Math.round(at - Date.now() / 1000)
    const smallest = still.matches ? "minute" : "second"
    let rest = Math.ceil(Math.abs(seconds) / UNITS[smallest]) * UNITS[smallest]
    const parts = []
    for (const [unit, format] of units) {
      const count = Math.floor(rest / UNITS[unit])
      rest -= count * UNITS[unit]
      if (count || (unit === smallest && !parts.length)) parts.push(format.format(count))
      if (unit === smallest) break
    }
    return say(seconds < 0 ? words.overdue : words.left, { time: list.format(parts) })
  }
  function countdown(at) {
    const date = new Date(1000 * at)
    return make("time", { class: "countdown", role: "timer", "data-until": at, datetime: date.toISOString(), title: full.format(date) }, left(at))
  }

  function badge(text, tone) {
    return make("span", { class: `badge ${tone}` }, make("span", { "aria-hidden": "true" }, SIGNS[tone] ?? "•"), isolated(text))
  }

  function line(values, text) {
    const svg = (tag, attributes) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", tag)
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
      return node
    }
    const step = values.length > 1 ? 96 / (values.length - 1) : 0
    const points = values.map((value, index) => `${(2 + index * step).toFixed(1)},${(26 - value * 0.24).toFixed(1)}`)
    const drawing = svg("svg", { viewBox: "0 0 100 28", class: "line", role: "img", "aria-label": text })
    drawing.append(svg("polyline", { points: points.join(" ") }))
    const [x, y] = points.at(-1).split(",")
    drawing.append(svg("circle", { cx: x, cy: y, r: 2.5 }))
    return drawing
  }

  function actions(offered) {
    return offered.map((action) => {
      const button = make("button", { type: "button", class: "act", "data-focus": `${action.act} ${action.of}` }, action.label)
      if (action.off) {
        button.setAttribute("aria-disabled", "true")
        button.title = action.off
        button.setAttribute("aria-label", `${action.label} (${action.off})`)
      }
      button.addEventListener("click", () => (action.off ? tell(action.off, "warn") : ask(action)))
      return button
    })
  }

  function cell(value) {
    if (value == null) return [make("span", { class: "none" }, "–")]
    if (typeof value === "number") return [isolated(numbers.format(value), { class: "number" })]
    if (typeof value === "string") return [isolated(value, { dir: "auto", class: value.length <= 26 && "short" })]
    if ("badge" in value) return [badge(value.badge, value.tone)]
    if ("at" in value) return [time(value.at)]
    if ("until" in value) return [countdown(value.until)]
    if ("bar" in value) {
      const meter = make("progress", { max: 100, value: value.bar, "aria-label": value.text })
      return [make("span", { class: "bar" }, meter, isolated(value.text))]
    }
    if ("line" in value) return [line(value.line, value.text)]
    if ("peek" in value) {
      const short = value.peek.length > 90 ? `${value.peek.slice(0, 90)}…` : value.peek
      const open = () => inspect(value.peek)
      return [
        isolated(short, { dir: "ltr", class: "code" }),
        make("button", { type: "button", class: "act", onclick: open }, words.inspect),
      ]
    }
    if ("names" in value) return value.names.flatMap((name, index) => [index ? words.comma : "", isolated(name)])
    if ("acts" in value) return actions(value.acts)
    return []
  }

  // --- dialogs ----------------------------------------------------------------------------------------------

  const status = make("p", { class: "status", role: "status", "aria-live": "polite" })
  let hush = 0
  function tell(text, tone) {
    status.replaceChildren(badge(text, tone))
    clearTimeout(hush)
    hush = setTimeout(() => status.replaceChildren(), 12_000)
  }

  function dialog(title, ...content) {
    const box = make("dialog", { "aria-label": title }, make("h2", {}, title), ...content)
    box.addEventListener("close", () => box.remove())
    root.append(box)
    box.showModal()
    return box
  }

  function inspect(text) {
    let shown = text
    try {
      shown = JSON.stringify(JSON.parse(text), null, 2)
    } catch {
      // A message that was cut is shown as it is.
    }
    const close = make("button", { type: "button", onclick: () => box.close() }, words.close)
    const box = dialog(words.inspect, make("pre", { dir: "ltr", tabindex: 0 }, shown), make("p", { class: "buttons" }, close))
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
      field("reason", words.reason, { minlength: 3, "aria-description": words.reason_help }),
      make("p", { class: "buttons" }, make("button", { type: "submit", class: "primary" }, words.confirm), cancel),
    )
    const box = dialog(action.label, form)
  }

  // --- the filter -------------------------------------------------------------------------------------------
  // words that a row must hold · key:word for one column · -word for rows without it

  let terms = []
  function read(text) {
    return (text.toLowerCase().match(/\S+/g) ?? []).map((word) => {
      const not = word.length > 1 && word.startsWith("-")
      const [, key, rest] = /^(?:([a-z_]+):(?=.))?(.*)$/s.exec(not ? word.slice(1) : word)
      return { not, key, word: rest }
    })
  }
  const plain = (value) => (value == null ? "" : typeof value === "object" ? (value.badge ?? value.text ?? value.peek ?? value.names?.join("\n") ?? "") : String(value))
  function passes(texts) {
    return terms.every(({ not, key, word }) => {
      const known = key !== undefined && key in texts
      const searched = known ? texts[key] : Object.values(texts).join("\n")
      const wanted = key !== undefined && !known ? `${key}:${word}` : word
      return searched.includes(wanted) !== not
    })
  }

  // --- blocks -----------------------------------------------------------------------------------------------

  function heading(block) {
    const count = make("span", { class: "count" })
    return { count, title: make("h2", { id: `title-${block.id}` }, block.title, " ", count) }
  }

  const draw = {
    banner(block) {
      const text = make("p", { class: `banner ${block.tone}` }, badge(block.text, block.tone))
      if (block.at) text.append(" ", time(block.at))
      return { node: make("div", { role: "alert" }, text) }
    },
    figures(block) {
      const items = block.items.map((item) => {
        const value = item.value == null ? "–" : numbers.format(item.value)
        return make("div", { class: "figure" }, make("dt", {}, item.label), make("dd", {}, isolated(item.value != null && item.unit ? `${value} ${item.unit}` : value)))
      })
      return { node: make("dl", { class: "figures" }, ...items) }
    },
    actions: (block) => ({ node: make("p", { class: "buttons" }, ...actions(block.acts)) }),
    board(block) {
      const columns = block.columns.map((column) => {
        const cards = column.cards.map((card) => {
          const body = make("li", { class: `card ${column.tone}` }, make("h3", {}, isolated(card.title, { dir: "auto" })))
          const texts = { title: card.title.toLowerCase(), text: card.lines.join("\n").toLowerCase(), priority: card.badge.toLowerCase() }
          body.append(badge(card.badge, column.tone), ...card.lines.map((text) => make("p", {}, isolated(text, { dir: "auto" }))))
          if (card.clock) body.append(make("p", { class: "since" }, card.clock.label, " ", ...cell(card.clock.cell)))
          body.append(make("p", { class: "since" }, card.since, " ", time(card.at)), make("p", { class: "buttons" }, ...actions(card.acts)))
          body.hidden = !passes(texts)
          return body
        })
        const list = cards.length ? make("ul", {}, ...cards) : make("p", { class: "empty" }, block.empty)
        const title = make("h2", {}, badge(column.title, column.tone), " ", make("span", { class: "count" }, numbers.format(column.count)))
        return make("section", { class: "column", "aria-label": column.title }, title, list)
      })
      return { node: make("div", { class: "board" }, ...columns) }
    },
    table(block) {
      const { title, count } = heading(block)
      const head = make("tr", {}, ...block.columns.map(([key, label]) => make("th", { scope: "col", title: `${key}:` }, label)))
      const body = make("tbody")
      const empty = make("p", { class: "empty" }, block.empty)
      const scroll = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": `title-${block.id}` })
      scroll.append(make("table", { "aria-labelledby": `title-${block.id}` }, make("thead", {}, head), body))
      const drawn = new Map()
      const update = () => {
        const wanted = new Set()
        let shown = 0
        let next = body.firstChild
        for (const row of block.rows) {
          wanted.add(row.key)
          let known = drawn.get(row.key)
          if (known?.row !== row) {
            const node = make("tr", {}, ...row.cells.map((value) => make("td", {}, ...cell(value))))
            const texts = Object.fromEntries(block.columns.map(([key], index) => [key, plain(row.cells[index]).toLowerCase()]))
            if (known) {
              if (next === known.node) next = next.nextSibling
              known.node.replaceWith(node)
            }
            known = { row, node, texts }
            drawn.set(row.key, known)
          }
          known.node.hidden = !passes(known.texts)
          shown += !known.node.hidden
          if (next === known.node) next = next.nextSibling
          else body.insertBefore(known.node, next)
        }
        for (const [key, known] of drawn) {
          if (!wanted.has(key)) {
            known.node.remove()
            drawn.delete(key)
          }
        }
        empty.hidden = block.rows.length > 0
        scroll.hidden = block.rows.length === 0
        count.textContent = terms.length ? say(words.shown, { shown: shown, all: block.rows.length }) : block.rows.length || ""
      }
      update()
      return { node: make("section", { class: block.wide ? "table wide" : "table" }, title, scroll, empty), update }
    },
  }

  // --- the page ---------------------------------------------------------------------------------------------

  const blocks = new Map()
  const place = make("div", { class: "blocks" })
  function put(block) {
    const known = blocks.get(block.id)
    const drawn = { block, ...draw[block.kind](block) }
    blocks.set(block.id, drawn)
    if (known) known.node.replaceWith(drawn.node)
    else place.append(drawn.node)
  }
  function patch(id, { put: changed, order }) {
    const drawn = blocks.get(id)
    const rows = new Map(drawn.block.rows.map((row) => [row.key, row]))
    for (const row of changed) rows.set(row.key, row)
    drawn.block.rows = (order ?? drawn.block.rows.map((row) => row.key)).map((key) => rows.get(key))
    drawn.update()
  }
  function take(message) {
    const focused = root.getRootNode().activeElement?.dataset?.focus
    if (message.all) {
      for (const drawn of blocks.values()) drawn.node.remove()
      blocks.clear()
      message.all.forEach(put)
    }
    message.blocks?.forEach(put)
    for (const [id, change] of Object.entries(message.rows ?? {})) patch(id, change)
    // What was drawn anew under the keyboard gets the focus back.
    if (focused && root.getRootNode().activeElement?.dataset?.focus !== focused) {
      root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus()
    }
  }

  let paused = false
  const pause = make("button", { type: "button", "aria-pressed": "false" }, words.pause)
  pause.addEventListener("click", () => {
    paused = !paused
    pause.textContent = paused ? words.resume : words.pause
    pause.setAttribute("aria-pressed", String(paused))
    model.send_msg({ pause: paused })
    if (paused) tell(words.paused, "info")
    else status.replaceChildren()
  })
  const search = make("input", { type: "search", "aria-label": words.filter, placeholder: words.filter, title: words.filter_help, dir: "auto" })
  search.addEventListener("input", () => {
    terms = read(search.value)
    for (const drawn of [...blocks.values()]) drawn.update ? drawn.update() : put(drawn.block)
  })
  const silence = make("div", { role: "alert" })
  const root = make("div", { class: "console", lang: model.locale.slice(0, 2), dir: model.direction, "data-theme": model.look })
  if (model.charts) place.append(make("div", { class: "charts" }, model.get_child("charts")))
  root.append(make("div", { class: "toolbar" }, search, pause, status), silence, place)

  // --- news from the dashboard ------------------------------------------------------------------------------

  let heard = Date.now()
  model.on("msg:custom", (message) => {
    heard = Date.now()
    silence.replaceChildren()
    if (message.news) {
      for (const text of message.news) take(JSON.parse(text))
      model.send_msg({ seen: message.count })
    }
    if (message.told) tell(message.told, message.tone)
    if (message.bye) location.assign("/login")
  })
  let looking = false
  const watch = setInterval(async () => {
    if (Date.now() - heard < SILENCE || paused) return
    const at = make("p", { class: "banner bad" }, badge(say(words.silent, { time: clock.format(new Date(heard)) }), "bad"))
    silence.replaceChildren(at)
    if (!model.served || looking) return
    looking = true
    try {
      if ((await fetch("/healthz", { cache: "no-store" })).ok) location.reload()
    } catch {
      // It is still away: the next round looks again.
    } finally {
      looking = false
    }
  }, 5_000)
  const second = setInterval(() => {
    for (const node of paused ? [] : place.querySelectorAll(".countdown")) {
      const text = left(Number(node.dataset.until))
      if (node.textContent !== text) node.textContent = text
    }
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
    for (const sign of ["pointerdown", "keydown"]) document.removeEventListener(sign, active)
  })

  model.send_msg({ ready: true })
  return root
}
