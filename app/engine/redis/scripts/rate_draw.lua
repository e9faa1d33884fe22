#!lua
-- Give a node a part of a user's budget in the open window.
--
-- KEYS  rates of one user (hash: class .. ":s" = start in ms, class .. ":g" = given out)
-- ARGV  milliseconds of a window, the class, all that may be given out in a window, what the caller asks for, Unix
--       milliseconds now
-- Reply {given, start of the window in ms, its age in ms, all that was given out in it}
-- Guarantee: never more is given out in a window than may be, over all nodes. Clocks of nodes that differ a little move
--       the edge of a window, and nothing else.

local now, window = tonumber(ARGV[5]), tonumber(ARGV[1])
local found = redis.call('HMGET', KEYS[1], ARGV[2] .. ':s', ARGV[2] .. ':g')
local start, out = tonumber(found[1] or 0), tonumber(found[2] or 0)
if math.abs(now - start) >= window then
  start, out = now, 0
end
local given = math.max(0, math.min(tonumber(ARGV[4]), tonumber(ARGV[3]) - out))
out = out + given
redis.call('HSET', KEYS[1], ARGV[2] .. ':s', string.format('%.0f', start), ARGV[2] .. ':g', string.format('%.0f', out))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {given, start, math.max(0, now - start), out}
