// The marks of a recording on canvases: their number over time, and the connections that sent and received each.

const SENT = 0
const REFUSED = 1
const ROW = 22 // pixels of a lane
const MOST_LANES = 60

function strips({ make, isolated }, data, words, direction) {
  const { at, kind, lane, to } = data.marks
  const rtl = direction === "rtl"
  const first = new Map()
  for (const { session, since } of data.lanes) first.set(session, Math.min(since, first.get(session) ?? since))
  const begun = (number) => first.get(data.lanes[number].session)
  const reach = (canvas, height) => {
    const width = Math.max(50, canvas.clientWidth)
    const scale = window.devicePixelRatio || 1
    canvas.width = width * scale
    canvas.height = height * scale
    canvas.style.height = `${height}px`
    const drawn = canvas.getContext("2d")
    drawn.setTransform(rtl ? -scale : scale, 0, 0, scale, rtl ? width * scale : 0, 0)
    return [drawn, width]
  }
  const colours = (node) => {
    const style = getComputedStyle(node)
    return (name) => style.getPropertyValue(`--${name}`)
  }

  // The number of marks over the whole time; refused ones also in a colour of their own, and hatched
  function density(canvas, seen) {
    const [drawn, width] = reach(canvas, 48)
    const colour = colours(canvas)
    const bins = Math.floor(width / 3)
    const all = new Uint32Array(bins + 1)
    const refused = new Uint32Array(bins + 1)
    for (const mark of seen) {
      const bin = Math.min(bins, Math.floor((at[mark] / (data.length || 1)) * bins))
      all[bin] += 1
      refused[bin] += kind[mark] === REFUSED
    }
    const most = all.reduce((one, other) => Math.max(one, other), 1)
    const tall = (count) => (count ? Math.max(2, (44 * Math.log1p(count)) / Math.log1p(most)) : 0)
    for (let bin = 0; bin <= bins; bin += 1) {
      drawn.fillStyle = colour("accent")
      drawn.fillRect(bin * 3, 48 - tall(all[bin]), 2, tall(all[bin]))
      drawn.fillStyle = colour("bad")
      for (let y = 48 - tall(refused[bin]); y < 48; y += 4) drawn.fillRect(bin * 3, y, 2, 2)
    }
  }

  // Draws the lanes that have a mark among `seen` and are `named`, from `from` to `until` (ms)
  function lanes(place) {
    const labels = make("ol", { class: "names" })
    const canvas = make("canvas", { role: "img" })
    const cursor = make("div", { class: "cursor" })
    const note = make("p", { class: "empty" })
    place.append(labels, make("div", { class: "field" }, canvas, cursor), note)
    let rows = new Map()

    function choose(seen, named) {
      const used = new Set()
      for (const mark of seen) {
        if (lane[mark] >= 0) used.add(lane[mark])
        for (const each of to[mark]) used.add(each)
      }
      // The connections of a session stand together, at the place of the first one.
      const ordered = [...used].filter(named).sort((one, other) => begun(one) - begun(other) || data.lanes[one].since - data.lanes[other].since)
      rows = new Map(ordered.slice(0, MOST_LANES).map((number, row) => [number, row]))
      labels.replaceChildren(
        ...[...rows.keys()].map((number) => {
          const { name, user, session } = data.lanes[number]
          return make("li", { title: inert(`${user || "–"} · ${session}`) }, isolated(name || user || session.slice(0, 8), { dir: "auto" }))
        }),
      )
      const more = ordered.length - rows.size
      note.textContent = more > 0 ? words.more_lanes.replace("{count}", more) : ""
    }

    function draw(seen, from, until) {
      const [drawn, width] = reach(canvas, Math.max(1, rows.size) * ROW)
      const colour = colours(canvas)
      const x = (ms) => ((ms - from) / (until - from || 1)) * width
      for (const [number, row] of rows) {
        const { since, until: end } = data.lanes[number]
        const [start, stop] = [Math.max(0, x(since)), Math.min(width, x(end ?? data.length))]
        drawn.fillStyle = colour("edge")
        if (stop > start) drawn.fillRect(start, row * ROW + ROW / 2 - 1, stop - start, 2)
      }
      const done = new Set()
      const tick = (number, mark, shape) => {
        const row = rows.get(number)
        const left = Math.round(x(at[mark]))
        const place = (left * MOST_LANES + row) * 3 + shape
        if (row === undefined || done.has(place)) return
        done.add(place)
        const top = row * ROW
        if (shape === REFUSED) {
          drawn.fillStyle = colour("bad")
          drawn.fillRect(left - 1, top + 2, 3, ROW - 4)
        } else {
          drawn.fillStyle = shape === SENT ? colour("warn") : colour("accent")
          drawn.fillRect(left, shape === SENT ? top + 2 : top + ROW / 2, 2, ROW / 2 - 2)
        }
      }
      for (const mark of seen) {
        if (at[mark] < from || at[mark] > until) continue
        if (kind[mark] <= 2 && lane[mark] >= 0) tick(lane[mark], mark, kind[mark])
        for (const each of to[mark]) tick(each, mark, 2)
      }
    }

    const point = (share) => {
      cursor.style.insetInlineStart = `${(100 * share).toFixed(3)}%`
    }
    return { choose, draw, point, canvas }
  }

  return { density, lanes, rtl }
}
