#!lua
-- End a node's run before its lease does: what it leaves behind is cleared after a while.
--
-- KEYS  homes, sweeps
-- ARGV  the run, the milliseconds after which it is to be cleared ("" where it has left nothing)
-- Reply the milliseconds of this server's clock
-- Guarantee: one step.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREM', KEYS[1], ARGV[1])
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[2]), ARGV[1])
end
return now
