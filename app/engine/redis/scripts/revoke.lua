#!lua
-- Keep revocations and tell all nodes; a later one is never replaced by an earlier one.
--
-- KEYS  bulletin (stream), its number, revocations (hash: kind NUL subject = JSON array of since, kept until)
-- ARGV  how many entries are kept, Unix seconds now, the body of the entry, since and kept until in Unix seconds, then
--       the fields
-- Reply the number of the entry
-- Guarantee: one step. A few revocations whose time is over are forgotten with each.

for index = 6, #ARGV do
  local since, kept = ARGV[4], ARGV[5]
  local found = redis.call('HGET', KEYS[3], ARGV[index])
  if found then
    local before = cjson.decode(found)
    if tonumber(before[1]) > tonumber(since) then
      since = before[1]
    end
    if tonumber(before[2]) > tonumber(kept) then
      kept = before[2]
    end
  end
  redis.call('HSET', KEYS[3], ARGV[index], cjson.encode({since, kept}))
end
local some = redis.call('HRANDFIELD', KEYS[3], 4, 'WITHVALUES')
for index = 1, #some, 2 do
  if tonumber(cjson.decode(some[index + 1])[2]) <= tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[3], some[index])
  end
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  local time = redis.call('TIME')
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
end
local n = redis.call('INCR', KEYS[2])
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], string.format('%.0f-0', n), 'k', 'revoked', 'b', ARGV[3])
return n
