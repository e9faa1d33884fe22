// A text for readers, in the language and the direction of the page: headings, tables and paragraphs of Markdown are drawn
// as such, everything else as it stands.

// The row of a table between its first and last bar; null for any other line.
function inBars(line) {
  return line.length > 1 && line.startsWith("|") && line.endsWith("|") ? line.slice(1, -1).trim() : null
}

function prose(text, { make, isolated }) {
  const place = make("div", { class: "prose", tabindex: 0 })
  let table = null
  for (const line of text.split("\n")) {
    const heading = /^#{1,6} +(.*)$/.exec(line)
    const row = inBars(line.trim())
    if (row === null) table = null
    if (row !== null) {
      if (!table) place.append(make("div", { class: "sheet" }, (table = make("table", {}))))
      if (/^[-:| ]+$/.test(row)) continue
      const tag = table.rows.length ? "td" : "th"
      const cells = row.split("|").map((cell) => make(tag, {}, isolated(cell.trim())))
      table.append(make("tr", {}, ...cells))
    } else if (heading) place.append(make("h3", {}, isolated(heading[1])))
    else if (line.trim()) place.append(make("p", {}, isolated(line)))
  }
  return place
}
