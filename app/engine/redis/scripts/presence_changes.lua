#!lua flags=no-writes
-- Return the changes of a channel's presence after a number, as far as they are kept.
--
-- KEYS  meta, changes of one channel
-- ARGV  the number of the last change that the caller has
-- Reply {epoch ("" where there is none), number of the last change, entries as XRANGE gives them}
-- Guarantee: of one moment. Where the first entry is not the next one, others are lost: load the channel again.

local meta = redis.call('HMGET', KEYS[1], 'epoch', 'n')
return {meta[1] or '', tonumber(meta[2] or 0), redis.call('XRANGE', KEYS[2], string.format('(%s-0', ARGV[1]), '+')}
