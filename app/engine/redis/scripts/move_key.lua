#!lua
-- Put an idempotency key in its place, as commit.lua keeps it.
--
-- KEYS  the key
-- ARGV  the digest, its user and name (`user NUL key`), Unix milliseconds at which it expires, then for each place:
--       channel, generation, offset
-- Reply OK
-- Guarantee: one step.

local places = {}
for at = 4, #ARGV, 3 do
  places[#places + 1] = ARGV[at]
  places[#places + 1] = tonumber(ARGV[at + 1])
  places[#places + 1] = tonumber(ARGV[at + 2])
end
return redis.call('SET', KEYS[1], cmsgpack.pack({digest = ARGV[1], places = places, named = ARGV[2]}), 'PXAT', ARGV[3])
