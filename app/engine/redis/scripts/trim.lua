#!lua
-- Remove the oldest events of a channel's epoch.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, channel, generation, the last offset that may go, the last commit number
--       that may go, the number of events that go at most
-- Reply the oldest offset that is kept
-- Guarantee: what is left has no hole, and `oldest` says where it begins.

local log, channel, generation = ARGV[1], ARGV[2], ARGV[3]
local last, until_number, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local events = log .. 'events:' .. channel .. ':' .. generation

local first = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
if not first then
  return 0
end
local oldest = tonumber(string.match(first[1], '%d+'))

local function is_old(offset)
  local id = string.format('%.0f-0', offset)
  local found = redis.call('XRANGE', events, id, id)[1]
  return found and tonumber(found[2][2]) <= until_number
end

-- The commit numbers grow with the offsets: the cut is found by halving.
local low, high = oldest - 1, math.min(last, oldest + most - 1)
while low < high do
  local middle = math.floor((low + high + 1) / 2)
  if is_old(middle) then
    low = middle
  else
    high = middle - 1
  end
end
if low >= oldest then
  redis.call('XTRIM', events, 'MINID', string.format('%.0f-0', low + 1))
  oldest = low + 1
  local head = log .. 'channel:' .. channel
  if redis.call('HGET', head, 'generation') == generation then
    redis.call('HSET', head, 'oldest', string.format('%.0f', oldest))
  end
end
return oldest
