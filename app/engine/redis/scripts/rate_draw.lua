#!lua
-- Give a node a part of a user's budget in the open window.
--
-- KEYS  rates of one user (hash: class .. ":s" = start in ms, ":g" = given out, ":u" = spent, as the nodes said when
--       they asked, ":l" = the highest limit by which something was given out)
-- ARGV  milliseconds of a window, the class, all that may be given out in a window, what the caller wants to hold, Unix
--       milliseconds now, the limit, the start of the window that the caller knows, what it has spent of it since it
--       asked last, what it holds of it unspent (below 0 where it spent more than it was given)
-- Reply {given, start of the window in ms, its age in ms, all that was given out in it, "1" where a higher limit held
--       for some of it, all that was spent in it as far as it is known, what the caller may spend now by this limit}
-- Guarantee: never more is given out in a window than may be, over all nodes. Clocks of nodes that differ a little move
--       the edge of a window, and nothing else. By a higher limit, of another role of the user, more is given out at
--       once than a lower one allows in all: where both hold in a window, what was spent counts for the lower.

local now, window = tonumber(ARGV[5]), tonumber(ARGV[1])
local class, limit = ARGV[2], tonumber(ARGV[6])
local found = redis.call('HMGET', KEYS[1], class .. ':s', class .. ':g', class .. ':u', class .. ':l')
local start, out, spent, highest =
  tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or 0), tonumber(found[4] or 0)
if math.abs(now - start) >= window then
  start, out, spent, highest = now, 0, 0, 0
end
local wanted, most, held = tonumber(ARGV[4]), tonumber(ARGV[3]), 0
if tonumber(ARGV[7]) == start then
  spent, held = spent + tonumber(ARGV[8]), tonumber(ARGV[9])
end
local mixed = limit < highest
local given, allowed
if mixed then
  allowed = math.max(0, math.min(wanted, most - spent))
  given = math.max(0, allowed - held)
else
  given = math.max(0, math.min(wanted - held, most - out))
  allowed = held + given
end
out, highest = out + given, math.max(limit, highest)
local function text(number)
  return string.format('%.0f', number)
end
redis.call('HSET', KEYS[1], class .. ':s', text(start), class .. ':g', text(out), class .. ':u', text(spent),
  class .. ':l', text(highest))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {given, start, math.max(0, now - start), out, mixed and 1 or 0, spent, allowed}
