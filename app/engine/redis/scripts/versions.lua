#!lua flags=no-writes
-- Return versions of a document after a version: packed ones, and after them those of the log.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the document's channel, the version, how many at most
-- Reply {packed blocks in their order, events of the log}: more versions than asked for may be in them
-- Guarantee: of one moment, so that none is missing that a trim moves from the log to a block meanwhile.

local log, channel, after, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local generation = redis.call('HGET', log .. 'channel:' .. channel, 'generation') or '0'
local place = channel .. ':' .. generation
local spans = {}
for _, name in ipairs(redis.call('HKEYS', log .. 'segments:' .. place)) do
  local first, last = string.match(name, '(%d+):(%d+)')
  if tonumber(last) > after then
    spans[#spans + 1] = {tonumber(first), tonumber(last), name}
  end
end
table.sort(spans, function(a, b) return a[1] < b[1] end)
local blocks, events, found, from = {}, {}, 0, after
for _, span in ipairs(spans) do
  if found >= limit then
    break
  end
  blocks[#blocks + 1] = redis.call('HGET', log .. 'segments:' .. place, span[3])
  found, from = found + span[2] - math.max(span[1] - 1, after), span[2]
end
if found < limit then
  local rows = redis.call('XRANGE', log .. 'events:' .. place, string.format('%.0f-0', from + 1), '+',
    'COUNT', limit - found)
  for _, row in ipairs(rows) do
    events[#events + 1] = row[2][4]
  end
end
return {blocks, events}
