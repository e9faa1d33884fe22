#!lua
-- Read records as of one moment.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, then kind and key of each record
-- Reply for each: {body, revision, labels, order, due, expires}; body false where there is no such record
-- Guarantee: reads only.

local found = {}
for at = 2, #ARGV, 2 do
  found[#found + 1] = redis.call('HMGET', ARGV[1] .. 'record:' .. ARGV[at] .. ':' .. ARGV[at + 1],
    'body', 'revision', 'labels', 'order', 'due', 'expires')
end
return found
