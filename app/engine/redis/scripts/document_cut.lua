#!lua flags=no-writes
-- Return the versions that may leave the log of a document.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the document's channel, generation, the last offset that may go, the last
--       commit number that may go, how many go at most
-- Reply {the oldest offset of the log, events from there on}
-- Guarantee: of one moment. A text is made from a snapshot and every version after it: none goes that comes after the
-- newest snapshot at or before the last offset that may go.

local log, channel, generation = ARGV[1], ARGV[2], ARGV[3]
local last, until_number, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local place = channel .. ':' .. generation
local base = 0
for _, version in ipairs(redis.call('HKEYS', log .. 'snapshots:' .. place)) do
  version = tonumber(version)
  if version <= last and version > base then
    base = version
  end
end
local first = redis.call('XRANGE', log .. 'events:' .. place, '-', '+', 'COUNT', 1)[1]
if not first then
  return {1, {}}
end
local going = {}
for _, row in ipairs(redis.call('XRANGE', log .. 'events:' .. place, '-', string.format('%.0f-0', base),
    'COUNT', most)) do
  if tonumber(row[2][2]) > until_number then
    break
  end
  going[#going + 1] = row[2][4]
end
return {tonumber(string.match(first[1], '%d+')), going}
