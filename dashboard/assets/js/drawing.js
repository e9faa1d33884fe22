// Draws the blocks of a page (blocks.py) and updates them. Data becomes text nodes, never markup.

const SIGNS = { good: "✓", warn: "!", bad: "✕", info: "•", muted: "–" }

// Removes characters that would act in a text of data, such as \u202e or \x07: direction marks, control characters, lone
// surrogates. Line breaks, tabs and whole isolates stay. `inert` of plain_text.py; not for texts of Intl, which need marks.
const ACTING = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff"
const ACTS = new RegExp(`\\u2068[^${ACTING}]*\\u2069|(?![\\t\\n\\r])[${ACTING}]`, "gu")
function inert(text) {
  const escaped = (code) => (code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`)
  return String(text).replace(ACTS, (found) => (found.length > 1 ? found : escaped(found.charCodeAt(0))))
}

// The terms of a filter: words that a row must hold · key:word for one column · -word for rows without it
function filterTerms(text) {
  return (text.toLowerCase().match(/\S+/g) ?? []).map((word) => {
    const not = word.length > 1 && word.startsWith("-")
    const [, key, rest] = /^(?:([a-z_]+):(?=.))?(.*)$/s.exec(not ? word.slice(1) : word)
    return { not, key, word: rest }
  })
}

// Returns true if texts by key, in lower case, satisfy all terms
function passes(terms, texts) {
  return terms.every(({ not, key, word }) => {
    const known = key !== undefined && key in texts
    const searched = known ? texts[key] : Object.values(texts).join("\n")
    const wanted = key !== undefined && !known ? `${key}:${word}` : word
    return searched.includes(wanted) !== not
  })
}

// The text of a cell that filters read
function plain(value) {
  if (value == null) return ""
  if (typeof value !== "object") return String(value)
  return value.badge ?? value.text ?? value.peek ?? value.names?.join("\n") ?? ""
}

// Applies a message of view_model.py to a list of blocks: a new list, which shares the unchanged objects
function changed(before, { all, blocks = [], rows = {} }) {
  if (all) return all
  const after = new Map(before.map((block) => [block.id, block]))
  for (const block of blocks) after.set(block.id, block)
  for (const [id, { put, order, count }] of Object.entries(rows)) {
    const block = after.get(id)
    const known = new Map(block.rows.map((row) => [row.key, row]))
    for (const row of put) known.set(row.key, row)
    after.set(id, { ...block, count: count ?? block.count, rows: (order ?? block.rows.map((row) => row.key)).map((key) => known.get(key)) })
  }
  return [...after.values()]
}

const UNITS = { day: 86_400, hour: 3_600, minute: 60, second: 1 }

// `perform` receives the action that a user asks for, or the reason for which it is off; `root` holds dialogs; countdowns
// count from `now` (ms); `zone`: the time zone, if not the reader's own; `turn` requests another part of a list
function drawing({ words, locale, root, perform, turn = null, now = Date.now, zone = {} }) {
  const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 })
  const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", ...zone }
  const DAY = { day: "numeric", month: "short", ...zone }
  const clocks = { today: new Intl.DateTimeFormat(locale, TIME), day: new Intl.DateTimeFormat(locale, { ...DAY, ...TIME }) }
  clocks.year = new Intl.DateTimeFormat(locale, { year: "numeric", ...DAY, ...TIME })
  const day = new Intl.DateTimeFormat("en", { year: "numeric", month: "2-digit", day: "2-digit", ...zone })
  const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long", ...zone })
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "")
  let terms = []
  let filtered = "" // the filter as it was typed; a part of a list that was made with it is not filtered again

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

  // Text of data, isolated in its own direction; and text of Intl
  const isolated = (text, attributes = {}) => make("bdi", attributes, inert(text))
  const formatted = (text, attributes = {}) => make("bdi", attributes, text)

  // A time of today by its clock alone; of another day with its day, of another year with its year
  const clock = {
    format(date) {
      const [there, here] = [day.format(date), day.format(now())]
      return clocks[there === here ? "today" : there.slice(-4) === here.slice(-4) ? "day" : "year"].format(date)
    },
  }
  function time(at) {
    const date = new Date(1000 * at)
    return make("time", { "data-at": at, datetime: date.toISOString(), title: full.format(date) }, clock.format(date))
  }

  // A countdown: drawn once, then updated by `count`. Screen readers read it on demand, not at each update.
  const still = matchMedia("(prefers-reduced-motion: reduce)")
  const units = Object.keys(UNITS).map((unit) => [unit, new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" })])
  const list = new Intl.ListFormat(locale, { type: "unit", style: "long" })
  function left(at) {
    const seconds = Math.round(at - now() / 1000)
    return say(seconds < 0 ? words.overdue : words.left, { time: lasting(Math.abs(seconds), still.matches ? "minute" : "second") })
  }
  // A duration in words, no finer than `smallest`
  function lasting(seconds, smallest = "second") {
    let rest = Math.ceil(seconds / UNITS[smallest]) * UNITS[smallest]
    const parts = []
    for (const [unit, format] of units) {
      const count = Math.floor(rest / UNITS[unit])
      rest -= count * UNITS[unit]
      if (count || (unit === smallest && !parts.length)) parts.push(format.format(count))
      if (unit === smallest) break
    }
    return list.format(parts)
  }
  function countdown(at) {
    const date = new Date(1000 * at)
    return make("time", { class: "countdown", role: "timer", "data-until": at, datetime: date.toISOString(), title: full.format(date) }, left(at))
  }
  function count(place) {
    for (const node of place.querySelectorAll(".countdown")) {
      const text = left(Number(node.dataset.until))
      if (node.textContent !== text) node.textContent = text
    }
    const today = day.format(now())
    if (place.dataset.day && place.dataset.day !== today) // what was drawn yesterday
      for (const node of place.querySelectorAll("[data-at]")) node.textContent = clock.format(new Date(1000 * node.dataset.at))
    place.dataset.day = today
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
      button.addEventListener("click", () => (perform(action)))
      return button
    })
  }

  // The lines of what was said, each with its own direction; beyond the eighth they run on
  function lines(value) {
    const all = value.split(/\r?\n/)
    return all.length > 8 ? [...all.slice(0, 7), all.slice(7).join(" ")] : all
  }
  function told(value) {
    return isolated(value, { dir: "auto", class: value.length <= 26 ? "short" : /\S{60}/.test(value) && "long" })
  }

  function cell(value) {
    if (value == null) return [make("span", { class: "none" }, "–")]
    if (typeof value === "number") return [formatted(numbers.format(value), { class: "number" })]
    if (typeof value === "string") return lines(value).flatMap((said, at) => (at ? [make("br"), told(said)] : [told(said)]))
    if (value.why) {
      const button = make("button", { type: "button", class: "act", onclick: () => explain(value.why) }, words.why)
      return [badge(value.badge, value.tone), " ", button]
    }
    if ("short" in value) return [isolated(value.short, { title: inert(value.text), class: "short" })]
    if ("badge" in value) return [badge(value.badge, value.tone)]
    if ("at" in value) return [time(value.at)]
    if ("until" in value) return [countdown(value.until)]
    if ("bar" in value) {
      const meter = make("progress", { max: 100, value: value.bar, "aria-label": inert(value.text) })
      return [make("span", { class: "bar" }, meter, isolated(value.text))]
    }
    if ("line" in value) return [line(value.line, inert(value.text))]
    if ("peek" in value) {
      const short = value.peek.length > 90 ? `${value.peek.slice(0, 90)}…` : value.peek
      const open = () => inspect(value.peek, value.prose)
      const button = make("button", { type: "button", class: "act", onclick: open }, words.inspect)
      if (value.brief) return [button]
      return [isolated(short, value.prose ? { dir: "auto" } : { dir: "ltr", class: "code" }), button]
    }
    if ("names" in value) {
      const more = value.more ? [" ", make("span", { class: "none" }, say(words.more_names, { count: numbers.format(value.more) }))] : []
      return [...value.names.flatMap((name, index) => [index ? words.comma : "", isolated(name)]), ...more]
    }
    if ("acts" in value) return actions(value.acts)
    return []
  }

  // --- dialogs ----------------------------------------------------------------------------------------------

  function dialog(title, ...content) {
    const box = make("dialog", { "aria-label": title }, make("h2", {}, title), ...content)
    box.addEventListener("close", () => box.remove())
    root.append(box)
    box.showModal()
    return box
  }

  function inspect(text, isProse) {
    const close = make("button", { type: "button", onclick: () => box.close() }, words.close)
    const shown = isProse ? prose(text, { make, isolated }) : make("pre", { dir: "ltr", tabindex: 0 }, inert(indented(text)))
    const box = dialog(words.inspect, shown, make("p", { class: "buttons" }, close))
    if (isProse) box.classList.add("wide")
  }

  function indented(text) {
    try {
      return JSON.stringify(JSON.parse(text), null, 2)
    } catch {
      return text // a truncated message is no JSON
    }
  }

  function explain(text) {
    const close = make("button", { type: "button", onclick: () => box.close() }, words.close)
    const box = dialog(words.why, make("p", {}, isolated(text, { dir: "auto" })), make("p", { class: "buttons" }, close))
  }

  // --- blocks -----------------------------------------------------------------------------------------------

  function heading(block) {
    const count = make("span", { class: "count" })
    return { count, title: make("h2", { id: `title-${block.id}` }, block.title, " ", count) }
  }

  // The number of rows, and those that are shown: a heading must not present a part of a list as the whole.
  const asked = (count) => !terms.length || count?.filter === filtered
  function counted(count, rows, passed) {
    const { total, found, first } = count ?? { total: rows, found: rows, first: 0 }
    const number = (value) => numbers.format(value)
    if (!asked(count)) return total > rows ? say(words.held, { shown: number(passed), held: number(rows), all: number(total) }) : say(words.shown, { shown: number(passed), all: number(total) })
    const part = found > rows ? say(words.part, { first: number(first + 1), last: number(first + rows), all: number(found) }) : ""
    if (count?.filter) return [say(words.found, { found: number(found), all: number(total) }), part].filter(Boolean).join(" · ")
    return part || (total ? number(total) : "")
  }

  // Returns true if a filter matches no row of the list. Of a list in parts the other parts count too
  function isUnmatched(count, rows, passed) {
    const { total, found } = count ?? { total: rows, found: rows }
    return terms.length > 0 && total > 0 && passed === 0 && (total <= rows || (asked(count) && found === 0))
  }

  // The buttons of a list in more than one part
  function pager(id, title, count) {
    const longer = turn && count && count.found > count.size
    const node = make("nav", { class: "pager", "aria-label": say(words.parts, { title: inert(title) }), hidden: !longer })
    if (!longer) return node
    const here = Math.floor(count.first / count.size)
    node.dataset.at = `${here} ${(here + 1) * count.size < count.found}`
    const button = (label, part) => {
      const off = part < 0 || part * count.size >= count.found
      return make("button", { type: "button", class: "act", "data-focus": `part ${id} ${label}`, "aria-disabled": off && "true", onclick: () => off || turn(id, part) }, label)
    }
    node.append(button(words.earlier, here - 1), button(words.later, here + 1))
    return node
  }

  // The note of a list that is not kept whole
  const kept = (text) => make("p", { class: "since", hidden: !text }, inert(text ?? ""))

  const draw = {
    banner(block) {
      const text = make("p", { class: `banner ${block.tone}` }, badge(block.text, block.tone))
      if (block.at) text.append(" ", time(block.at))
      return { node: make("div", { class: "notice", role: block.tone !== "info" && "alert" }, text) }
    },
    figures(block) {
      const items = block.items.map((item) => {
        const value = item.value == null ? "–" : `${item.more ? "≥ " : ""}${numbers.format(item.value)}`
        const note = item.note ? [make("dd", { class: "note" }, item.note)] : []
        return make("div", { class: "figure" }, ...note, make("dt", {}, item.label), make("dd", {}, formatted(item.value != null && item.unit ? `${value} ${item.unit}` : value)))
      })
      return { node: make("dl", { class: "figures" }, ...items) }
    },
    facts(block) {
      const items = block.items.flatMap(({ label, cell: value }) => [make("dt", {}, label), make("dd", {}, ...cell(value))])
      return { node: make("dl", { class: "facts" }, ...items) }
    },
    tiles(block) {
      const places = new Map(block.tiles.map((tile) => [tile.row * block.across + tile.column, tile]))
      const tiles = Array.from({ length: Math.max(...places.keys()) + 1 }, (_, place) => {
        const tile = places.get(place)
        if (!tile) return make("li", { "aria-hidden": "true" }) // the sea
        return make("li", { class: `tile step-${tile.step}` }, isolated(tile.code), make("b", {}, numbers.format(tile.count)))
      })
      return { node: make("section", { class: "table wide" }, make("h2", {}, block.title), make("ul", { class: "tiles" }, ...tiles)) }
    },
    opener(block) {
      const field = (label, control) => make("label", {}, label, control)
      const minutes = make("select", { name: "minutes" }, ...block.minutes.map((value) => make("option", { value }, lasting(60 * value, "minute"))))
      const asked = block.fields.map(([name, label]) => field(label, make("input", { name, maxlength: 200, dir: "auto" })))
      const form = make("form", { class: "opener" }, field(block.time, minutes), ...asked, make("button", { type: "submit", class: "primary" }, block.go))
      form.addEventListener("submit", (event) => {
        event.preventDefault()
        perform({ open: Object.fromEntries(new FormData(form)) })
      })
      return { node: make("section", { class: "table wide" }, make("h2", {}, block.title), make("p", {}, block.help), form) }
    },
    actions: (block) => ({ node: make("p", { class: "buttons" }, ...actions(block.acts)) }),
    board(block) {
      const columns = block.columns.map((column) => {
        const cards = column.cards.map((card) => {
          const body = make("li", { class: `card ${column.tone}` }, make("h3", {}, isolated(card.title, { dir: "auto" })))
          const texts = { title: card.title.toLowerCase(), text: card.lines.join("\n").toLowerCase(), priority: card.badge.toLowerCase(), id: card.key.toLowerCase() }
          body.append(badge(card.badge, column.tone), ...card.lines.map((text) => make("p", {}, isolated(text, { dir: "auto" }))))
          if (card.clock) body.append(make("p", { class: "since" }, card.clock.label, " ", ...cell(card.clock.cell)))
          body.append(make("p", { class: "since" }, card.since, " ", time(card.at)), make("p", { class: "buttons" }, ...actions(card.acts)))
          body.hidden = !asked(column.count) && !passes(terms, texts)
          return body
        })
        const passed = cards.filter((card) => !card.hidden).length
        const unmatched = isUnmatched(column.count, cards.length, passed)
        const none = make("p", { class: "empty", hidden: !unmatched && column.count?.total > 0 }, unmatched ? words.no_match : block.empty)
        const list = cards.length && !unmatched ? make("ul", {}, ...cards) : none
        const title = make("h2", {}, badge(column.title, column.tone), " ", make("span", { class: "count" }, counted(column.count, cards.length, passed) || "0"))
        return make("section", { class: "column", "aria-label": inert(column.title) }, title, list, pager(column.id, column.title, column.count), kept(block.kept))
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
      let parts = pager(block.id, block.title, null)
      const update = (block) => {
        const wanted = new Set()
        const all = asked(block.count)
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
          known.node.hidden = !all && !passes(terms, known.texts)
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
        const unmatched = isUnmatched(block.count, block.rows.length, shown)
        empty.textContent = unmatched ? words.no_match : block.empty
        empty.hidden = !unmatched && (block.rows.length > 0 || block.count?.total > 0)
        scroll.hidden = unmatched || block.rows.length === 0
        count.textContent = counted(block.count, block.rows.length, shown)
        const others = pager(block.id, block.title, block.count)
        if (others.dataset.at === parts.dataset.at) return // not under the pointer of who presses it
        parts.replaceWith(others)
        parts = others
      }
      const node = make("section", { class: block.wide ? "table wide" : "table" }, title, scroll, empty, parts, kept(block.kept))
      update(block)
      return { node, update }
    },
  }

  // --- the blocks of a page ---------------------------------------------------------------------------------

  // Shows lists of blocks in an element, and draws changed blocks only
  function board(place) {
    const drawn = new Map()
    const frame = ({ rows, count, ...rest }) => JSON.stringify(rest)

    function put(block) {
      const known = drawn.get(block.id)
      const made = { block, frame: block.kind === "table" && frame(block), ...draw[block.kind](block) }
      drawn.set(block.id, made)
      if (known) known.node.replaceWith(made.node)
      else place.append(made.node)
    }

    function show(blocks) {
      const focused = root.getRootNode().activeElement?.dataset?.focus
      const wanted = new Set(blocks.map((block) => block.id))
      for (const [id, { node }] of drawn) {
        if (wanted.has(id)) continue
        node.remove()
        drawn.delete(id)
      }
      for (const block of blocks) {
        const known = drawn.get(block.id)
        if (known?.block === block || (known && JSON.stringify(known.block) === JSON.stringify(block))) continue
        if (!known?.update || known.frame !== frame(block)) {
          put(block)
          continue
        }
        known.block = block
        known.update(block)
      }
      // An element that had the focus and was drawn anew gets it back.
      if (focused && root.getRootNode().activeElement?.dataset?.focus !== focused) {
        place.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus()
      }
    }

    function filter(text) {
      filtered = text.trim()
      terms = filterTerms(text)
      for (const known of [...drawn.values()]) known.update ? known.update(known.block) : put(known.block)
    }

    return { show, filter }
  }

  return { make, isolated, formatted, badge, count, dialog, board, numbers, clock, lasting, say }
}
