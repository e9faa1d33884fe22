#!lua
-- Find the store, make it where there is none, or begin it anew.
--
-- KEYS  meta
-- ARGV  an id for a new store, the version of the schema, the highest commit number that is known to have been given,
--       the id of the store that is known to have lost something; "" where none is
-- Reply {store, number of the last commit, schema, 1 where the id is the one of this call}
-- Guarantee: of many callers at once one makes the store. A new id comes with a commit number that was never given.

local meta = redis.call('HMGET', KEYS[1], 'store', 'commit', 'schema')
local commit, known = tonumber(meta[2] or 0), tonumber(ARGV[3])
local made = 0
if not meta[1] or commit < known or meta[1] == ARGV[4] then
  meta[1], commit, made = ARGV[1], math.max(commit, known), 1
  meta[3] = meta[3] or ARGV[2]
  redis.call('HSET', KEYS[1], 'store', meta[1], 'commit', string.format('%.0f', commit), 'schema', meta[3])
end
return {meta[1], commit, meta[3], made}
