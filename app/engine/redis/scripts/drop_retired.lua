#!lua
-- Remove the oldest events of an epoch that a later one replaced, and all of it once none is left.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, channel, generation, its last offset, the last commit number that may go,
--       how many events go at most
-- Reply 1 where nothing of the epoch is left, else 0
-- Guarantee: what belongs to the epoch (packed versions, snapshots, names, ids of edits) goes with its last event.

local log, place = ARGV[1], ARGV[2] .. ':' .. ARGV[3]
local until_number, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local events = log .. 'events:' .. place

local low, high = 0, most
local function number_at(index)
  local row = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
  local first = row and tonumber(string.match(row[1], '%d+'))
  if not first then
    return nil
  end
  local id = string.format('%.0f-0', first + index)
  local found = redis.call('XRANGE', events, id, id)[1]
  return found and tonumber(found[2][2]), first + index
end
while low < high do
  local middle = math.floor((low + high) / 2)
  local number = number_at(middle)
  if number and number <= until_number then
    low = middle + 1
  else
    high = middle
  end
end
if low > 0 then
  local _, last = number_at(low - 1)
  redis.call('XTRIM', events, 'MINID', string.format('%.0f-0', last + 1))
end
if redis.call('XLEN', events) > 0 then
  return 0
end
for _, name in ipairs({'events:', 'segments:', 'named:', 'snapshots:', 'ops:'}) do
  redis.call('DEL', log .. name .. place)
end
redis.call('HDEL', log .. 'retired', place)
return 1
