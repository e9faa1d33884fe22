#!lua
-- Learn what became of requests whose answers did not come, and void those that did not come either.
--
-- KEYS  the lane
-- ARGV  the number of the last request that was answered before them, then the numbers of the requests
-- Reply for each request its first reply, packed, or "" where it was not carried out
-- Guarantee: a request that got "" here is never carried out later, however long it was under way.

local acked = tonumber(redis.call('HGET', KEYS[1], 'acked') or 0)
local replies = {}
for index = 2, #ARGV do
  replies[#replies + 1] = redis.call('HGET', KEYS[1], ARGV[index]) or ''
end
local last = tonumber(ARGV[#ARGV])
if last > acked then
  for gone = acked + 1, last do
    redis.call('HDEL', KEYS[1], string.format('%.0f', gone))
  end
  redis.call('HSET', KEYS[1], 'acked', string.format('%.0f', last))
end
redis.call('PEXPIRE', KEYS[1], 3600000)
return replies
