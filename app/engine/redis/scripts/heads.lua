#!lua flags=no-writes
-- Return the heads of channels.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, then the channels
-- Reply {store, then for each channel: generation, offset, oldest}
-- Guarantee: of one moment.

local reply = {redis.call('HGET', KEYS[1], 'store') or ''}
for index = 2, #ARGV do
  local found = redis.call('HMGET', ARGV[1] .. 'channel:' .. ARGV[index], 'generation', 'offset', 'oldest')
  reply[#reply + 1] = tonumber(found[1] or 0)
  reply[#reply + 1] = tonumber(found[2] or 0)
  reply[#reply + 1] = tonumber(found[3] or 1)
end
return reply
