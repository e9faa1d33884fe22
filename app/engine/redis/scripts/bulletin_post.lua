#!lua
-- Post one entry for all nodes, and keep what it says.
--
-- KEYS  bulletin (stream), its number (string), a hash in which it is kept
-- ARGV  the kind of the entry, its body, how many entries are kept, the field to set in the hash ("" for none), its value
-- Reply the number of the entry
-- Guarantee: entries are numbered without a gap, from the milliseconds of the first one on, so that a list that was
--       begun anew is no continuation of the one before; what is kept and what is posted is one step.

if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  local time = redis.call('TIME')
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
end
local n = redis.call('INCR', KEYS[2])
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], string.format('%.0f-0', n), 'k', ARGV[1], 'b', ARGV[2])
return n
