// The text of a document at any time: runs with their author and attributes. Positions are UTF-16 code units, as on the
// wire and in JavaScript.

const INSERT = 0
const DELETE = 1
const BATCH = 3
const KEPT = 200 // edits between two kept texts

// The number of changes until a time (ms), in a list of changes that begin with their times, in order
function countUntil(changes, at) {
  let low = 0
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (changes[middle][0] <= at) low = middle + 1
    else high = middle
  }
  return low
}

function documentText({ content, format, edits }) {
  const kept = [dressed(content, format)]

  // The number of edits until a time (ms)
  const count = (at) => countUntil(edits, at)

  // The runs after a number of edits
  function runs(count) {
    let from = Math.min(Math.floor(count / KEPT), kept.length - 1)
    let made = kept[from].slice()
    for (let number = from * KEPT; number < count; number += 1) {
      edit(made, edits[number])
      if ((number + 1) % KEPT === 0 && kept.length === (number + 1) / KEPT) kept.push(made.slice())
    }
    return made
  }

  return { count, runs }
}

function dressed(content, format) {
  const runs = content ? [{ text: content, author: -1, look: {} }] : []
  for (const { position, length, attributes } of format) edit(runs, [0, -1, 2, position, length, attributes])
  return runs
}

function edit(runs, [, author, kind, ...rest]) {
  if (kind === BATCH) for (const operation of rest[0]) step(runs, author, operation)
  else step(runs, author, [kind, ...rest])
}

// Runs are replaced, never changed: other versions share them
function step(runs, author, [kind, position, length, what, look = {}]) {
  const start = cut(runs, position)
  if (kind === INSERT) {
    runs.splice(start, 0, { text: what, author, look })
  } else {
    const end = cut(runs, position + length)
    if (kind === DELETE) runs.splice(start, end - start)
    else for (let at = start; at < end; at += 1) runs[at] = { ...runs[at], look: { ...runs[at].look, ...what } }
  }
  join(runs, start)
}

// The index of the run that begins at a position; a run across it is divided
function cut(runs, position) {
  let at = 0
  for (let number = 0; number < runs.length; number += 1) {
    if (at === position) return number
    const { text, author, look } = runs[number]
    if (position < at + text.length) {
      runs.splice(number, 1, { text: text.slice(0, position - at), author, look }, { text: text.slice(position - at), author, look })
      return number + 1
    }
    at += text.length
  }
  return runs.length
}

// Merges neighbours of the same author and attributes, around an index
function join(runs, place) {
  for (let at = Math.min(place + 1, runs.length - 1); at > Math.max(0, place - 1); at -= 1) {
    const [one, other] = [runs[at - 1], runs[at]]
    if (one.author === other.author && JSON.stringify(one.look) === JSON.stringify(other.look)) {
      runs.splice(at - 1, 2, { ...one, text: one.text + other.text })
    }
  }
}
