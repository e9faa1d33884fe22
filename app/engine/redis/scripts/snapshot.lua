#!lua flags=no-writes
-- Return the latest snapshot of a document at or before a version.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the document's channel, the version
-- Reply {version, the document as it was}, or {} where there is none
-- Guarantee: of one moment.

local log, channel, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local generation = redis.call('HGET', log .. 'channel:' .. channel, 'generation') or '0'
local snapshots = log .. 'snapshots:' .. channel .. ':' .. generation
local best = -1
for _, version in ipairs(redis.call('HKEYS', snapshots)) do
  version = tonumber(version)
  if version <= most and version > best then
    best = version
  end
end
if best < 0 then
  return {}
end
return {best, redis.call('HGET', snapshots, string.format('%.0f', best))}
