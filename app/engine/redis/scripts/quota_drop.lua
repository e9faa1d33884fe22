#!lua
-- Forget users' daily quotas whose day is over.
--
-- KEYS  quotas (hash: user NUL kind = JSON array of the day's begin in Unix seconds as text, amount)
-- ARGV  the seconds of a day, Unix seconds now, then the fields
-- Reply how many were removed
-- Guarantee: one step; a field in which a new day has begun meanwhile stays.

local day, now, removed = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for index = 3, #ARGV do
  local found = redis.call('HGET', KEYS[1], ARGV[index])
  if found and now - tonumber(cjson.decode(found)[1]) >= day then
    removed = removed + redis.call('HDEL', KEYS[1], ARGV[index])
  end
end
return removed
