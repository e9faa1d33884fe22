#!lua flags=no-writes
-- Return the oldest version of a document whose text can be made.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the document's channel
-- Reply the version; 0: all can be made
-- Guarantee: of one moment.

local log, channel = ARGV[1], ARGV[2]
local generation = redis.call('HGET', log .. 'channel:' .. channel, 'generation') or '0'
local place = channel .. ':' .. generation
local first
for _, name in ipairs(redis.call('HKEYS', log .. 'segments:' .. place)) do
  local begins = tonumber(string.match(name, '%d+'))
  first = first and math.min(first, begins) or begins
end
if not first then
  local event = redis.call('XRANGE', log .. 'events:' .. place, '-', '+', 'COUNT', 1)[1]
  first = event and tonumber(string.match(event[1], '%d+')) or 1
end
if first <= 1 then
  return 0
end
local oldest
for _, version in ipairs(redis.call('HKEYS', log .. 'snapshots:' .. place)) do
  version = tonumber(version)
  if version >= first - 1 and (not oldest or version < oldest) then
    oldest = version
  end
end
return oldest or first
