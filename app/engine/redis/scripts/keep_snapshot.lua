#!lua
-- Keep a snapshot of a document.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the document's channel, the version, the document as it was
-- Reply 1 where it is kept, 0 where the document's log has no such version (it was deleted meanwhile)
-- Guarantee: one step.

local log, channel, version = ARGV[1], ARGV[2], ARGV[3]
local generation = redis.call('HGET', log .. 'channel:' .. channel, 'generation') or '0'
local id = version .. '-0'
if #redis.call('XRANGE', log .. 'events:' .. channel .. ':' .. generation, id, id) == 0 then
  return 0
end
redis.call('HSET', log .. 'snapshots:' .. channel .. ':' .. generation, version, ARGV[4])
return 1
