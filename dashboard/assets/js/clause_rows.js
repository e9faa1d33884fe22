// The clauses of a document and its counterpart at any time, one row each, from the changes that Python found.

// The moments of a pair. Returns `at`, which gives the moment that a time (ms) is in; null where the two are no pair
function clauseMoments({ moments }) {
  let place = -1
  let lists = [[], [], []]

  function at(ms) {
    const begun = countUntil(moments, ms)
    if (begun === 0 || moments[begun - 1].length === 1) return null
    if (begun - 1 < place) {
      place = -1
      lists = [[], [], []]
    }
    for (let each = place + 1; each < begun; each += 1) {
      moments[each].slice(3).forEach(([begin, removed, items], list) => lists[list].splice(begin, removed, ...items))
    }
    place = begun - 1
    const [, first, second] = moments[place]
    return { place, edits: [first, second], cuts: lists.slice(0, 2), rows: lists[2] }
  }

  return { at }
}

// The runs of each clause of a text, without the empty lines at its end
function clauseParts(runs, cuts) {
  const rest = runs.slice()
  const parts = cuts.map(([length]) => {
    const part = []
    for (let left = length; left > 0 && rest.length; ) {
      const [run] = rest
      part.push({ ...run, text: run.text.slice(0, left) })
      if (run.text.length > left) rest[0] = { ...run, text: run.text.slice(left) }
      else rest.shift()
      left -= part.at(-1).text.length
    }
    return part
  })
  return parts.slice(1)
}

// The lines of a clause, each with its runs and its direction: one without a letter has that of the clause
function clauseLines(part, direction) {
  const lines = [[]]
  for (const run of part) {
    run.text.split(/\r?\n/).forEach((text, number) => {
      if (number) lines.push([])
      if (text) lines.at(-1).push({ ...run, text })
    })
  }
  while (lines.length > 1 && !lines.at(-1).some(({ text }) => text.trim())) lines.pop()
  return lines.map((runs) => ({ runs, direction: runs.some(({ text }) => /\p{L}|[\u200e\u200f\u061c]/u.test(text)) ? "auto" : direction }))
}
