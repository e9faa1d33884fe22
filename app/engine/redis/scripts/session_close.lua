#!lua
-- End a session on the connection that opened it.
--
-- KEYS  sessions of one user
-- ARGV  the session, the id of the opening, Unix seconds of its end, seconds in which it can be resumed, and, where a
--       dead run is cleared, that run
-- Reply 1 where it ended; 0 where it is not open, or a later connection has it
-- Guarantee: one step. A user whose sessions have all ended is forgotten when none can be resumed any more.

local found = redis.call('HGET', KEYS[1], ARGV[1])
local one = found and cjson.decode(found)
if not one or one[1] ~= ARGV[2] or one[5] ~= 0 or (ARGV[5] and one[2] ~= ARGV[5]) then
  return 0
end
one[5] = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(one))
for _, other in ipairs(redis.call('HVALS', KEYS[1])) do
  if cjson.decode(other)[5] == 0 then
    return 1
  end
end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[4] * 1000))
return 1
