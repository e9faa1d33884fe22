#!lua
-- Remove records whose time is over, with their places in lists.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the time (Unix seconds), the number of records at most
-- Reply the number of records that were removed
-- Guarantee: a record and its places go in one step.

local log = ARGV[1]
local gone = redis.call('ZRANGEBYSCORE', log .. 'expiry', '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(gone) do
  local split = string.find(member, '\0', 1, true)
  local kind, key = string.sub(member, 1, split - 1), string.sub(member, split + 1)
  local record = log .. 'record:' .. kind .. ':' .. key
  local found = redis.call('HMGET', record, 'labels', 'order')
  for label in string.gmatch(found[1] or '', '[^\n]+') do
    redis.call('ZREM', log .. 'list:' .. kind .. ':' .. label, found[2] .. '\0' .. key)
  end
  redis.call('ZREM', log .. 'due:' .. kind, key)
  redis.call('DEL', record)
  redis.call('ZREM', log .. 'expiry', member)
end
return #gone
