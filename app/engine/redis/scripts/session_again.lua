#!lua
-- Register an open session under the new run of the node that serves it.
--
-- KEYS  sessions of one user
-- ARGV  the session, the id of its opening, the run and the name of the node, its count, Unix seconds now, seconds in
--       which an ended session can be resumed
-- Reply 1; 0 where a later connection has it
-- Guarantee: one step. Where nothing is known of the session (the store was replaced) it is registered.

local found = redis.call('HGET', KEYS[1], ARGV[1])
local one = found and cjson.decode(found)
if one and one[1] ~= ARGV[2] and (one[5] == 0 or tonumber(ARGV[6]) - one[5] < tonumber(ARGV[7])) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), 0}))
redis.call('PERSIST', KEYS[1])
return 1
