#!lua
-- Return how many living nodes have not read an entry yet.
--
-- KEYS  homes (sorted set: run, end of its lease in ms), read (hash: run, number of the last entry it carried out)
-- ARGV  the number of the entry
-- Reply how many
-- Guarantee: of one moment; what is known of dead runs is forgotten.

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local alive, unread = {}, 0
for _, home in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
  alive[home] = true
  if tonumber(redis.call('HGET', KEYS[2], home) or 0) < tonumber(ARGV[1]) then
    unread = unread + 1
  end
end
for _, home in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not alive[home] then
    redis.call('HDEL', KEYS[2], home)
  end
end
return unread
