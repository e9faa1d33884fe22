#!lua flags=no-writes
-- Return the entries after a number, as far as they are kept.
--
-- KEYS  bulletin, its number
-- ARGV  the number of the last entry that the caller has
-- Reply {number of the last entry, entries as XRANGE gives them}
-- Guarantee: of one moment. Where the first entry is not the next one, others are lost: read what is kept again.

return {tonumber(redis.call('GET', KEYS[2]) or 0),
  redis.call('XRANGE', KEYS[1], string.format('(%s-0', ARGV[1]), '+', 'COUNT', 1000)}
