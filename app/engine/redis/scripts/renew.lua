#!lua
-- Begin a channel's next epoch.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the channel, 8 bytes that name the caller's lane, "1" for SPUBLISH,
--       the generation and offset that the head must have; "" for any
-- Reply the new generation; -1 where the head is another one, and nothing is changed
-- Guarantee: one step, with a commit number of its own, by which nodes notice it where the hint is lost. The events of
--       the epoch before stay until they are trimmed as old. A hint says the new head.

local log, channel = ARGV[1], ARGV[2]
local head = log .. 'channel:' .. channel
local found = redis.call('HMGET', head, 'generation', 'offset')
local before, offset = tonumber(found[1] or 0), tonumber(found[2] or 0)
if ARGV[5] ~= '' and (before ~= tonumber(ARGV[5]) or offset ~= tonumber(ARGV[6])) then
  return -1
end
local generation = string.format('%.0f', before + 1)
redis.call('HSET', head, 'generation', generation, 'offset', '0', 'oldest', '1')
redis.call('SREM', log .. 'channels', channel)
redis.call('ZADD', log .. 'touched', redis.call('HINCRBY', KEYS[1], 'commit', 1), channel)
if offset > 0 then
  redis.call('HSET', log .. 'retired', channel .. ':' .. string.format('%.0f', before), string.format('%.0f', offset))
end
redis.call(ARGV[4] == '1' and 'SPUBLISH' or 'PUBLISH', log .. 'hint:' .. channel,
  ARGV[3] .. struct.pack('>I4I8I8I4', before + 1, 0, 0, 0))
return before + 1
