#!lua flags=no-writes
-- Return all that is kept of the presence on a channel.
--
-- KEYS  users, locks, meta of one channel
-- ARGV  none
-- Reply {epoch ("" where there is none), number of the last change, users as HGETALL, locks as HGETALL}
-- Guarantee: of one moment.

local meta = redis.call('HMGET', KEYS[3], 'epoch', 'n')
return {meta[1] or '', tonumber(meta[2] or 0), redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
