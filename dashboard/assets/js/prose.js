// A text for readers, in the language and the direction of the page: headings, tables and paragraphs of Markdown are drawn
// as such, everything else as it stands.

function prose(text, { make, isolated }) {
  const place = make("div", { class: "prose", tabindex: 0 })
  let table = null
  for (const line of text.split("\n")) {
    const heading = /^#{1,6} +(.*)$/.exec(line)
    const row = /^\| *(.*?) *\|$/.exec(line.trim())
    if (!row) table = null
    if (row) {
      if (!table) place.append(make("div", { class: "sheet" }, (table = make("table", {}))))
      if (/^[-:| ]+$/.test(row[1])) continue
      const tag = table.rows.length ? "td" : "th"
      const cells = row[1].split(/ *\| */).map((cell) => make(tag, {}, isolated(cell)))
      table.append(make("tr", {}, ...cells))
    } else if (heading) place.append(make("h3", {}, isolated(heading[1])))
    else if (line.trim()) place.append(make("p", {}, isolated(line)))
  }
  return place
}
