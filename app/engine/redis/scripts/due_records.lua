#!lua
-- Read the records of a kind that are due, the earliest first.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, kind, the time up to which they are due, the number of records
-- Reply for each: {key, {body, revision, labels, order, due, expires}}
-- Guarantee: reads only.

local log, kind = ARGV[1], ARGV[2]
local found = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', log .. 'due:' .. kind, '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])) do
  found[#found + 1] = {key, redis.call('HMGET', log .. 'record:' .. kind .. ':' .. key,
    'body', 'revision', 'labels', 'order', 'due', 'expires')}
end
return found
