#!lua
-- Post one entry for all nodes, and keep what it says.
--
-- KEYS  bulletin (stream), its number (string), a hash in which it is kept (field = number, space, value)
-- ARGV  the kind of the entry, its body, how many entries are kept, the field to set in the hash ("" for none), its
--       value, the number of the field that the caller knows (0 for none), "1" where this is that one and no newer one
-- Reply the number of the entry
-- Guarantee: entries are numbered upwards, from the milliseconds of the first one on, so that a list that was begun
--       anew is no continuation of the one before, and past what the caller knows, where the store was put back. A
--       field is never replaced by one of a lower number; what is kept and what is posted is one step.

if redis.call('EXISTS', KEYS[2]) == 0 then
  local time = redis.call('TIME')
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
end
if tonumber(redis.call('GET', KEYS[2])) < tonumber(ARGV[6]) then
  redis.call('SET', KEYS[2], ARGV[6])
end
local n = redis.call('INCR', KEYS[2])
if ARGV[4] ~= '' then
  local number = ARGV[7] == '1' and tonumber(ARGV[6]) or n
  local before = redis.call('HGET', KEYS[3], ARGV[4])
  if not before or tonumber(string.match(before, '^(%d+) ') or 0) <= number then
    redis.call('HSET', KEYS[3], ARGV[4], string.format('%.0f ', number) .. ARGV[5])
  end
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], string.format('%.0f-0', n), 'k', ARGV[1], 'b', ARGV[2])
return n
