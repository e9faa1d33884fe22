#!lua
-- Read a page of the records with a label, in the order of their places.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, kind, label, the place after which it begins (`order NUL key`; "": the
--       beginning), the number of records
-- Reply for each: {key, {body, revision, labels, order, due, expires}}
-- Guarantee: reads only.

local log, kind = ARGV[1], ARGV[2]
local from = ARGV[4] == '' and '-' or '(' .. ARGV[4]
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYLEX', log .. 'list:' .. kind .. ':' .. ARGV[3], from, '+', 'LIMIT', 0, ARGV[5])) do
  local key = string.sub(member, string.find(member, '\0', 1, true) + 1)
  found[#found + 1] = {key, redis.call('HMGET', log .. 'record:' .. kind .. ':' .. key,
    'body', 'revision', 'labels', 'order', 'due', 'expires')}
end
return found
