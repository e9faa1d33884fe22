#!lua
-- Add what was spent of users' daily quotas since the last time.
--
-- KEYS  quotas (hash: user NUL kind = JSON array of the day's begin in Unix seconds as text, amount)
-- ARGV  the seconds of a day, Unix seconds now, then for each: the field, the day's begin, what was added to it
-- Reply for each: the day's begin as text, the amount over all nodes
-- Guarantee: one step; nothing that a node added is lost by another's.

local day, now, reply = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for index = 3, #ARGV, 3 do
  local since, amount = ARGV[index + 1], 0
  local found = redis.call('HGET', KEYS[1], ARGV[index])
  if found then
    local before = cjson.decode(found)
    if now - tonumber(before[1]) < day then
      since, amount = before[1], before[2]
    end
  end
  amount = math.max(0, amount + tonumber(ARGV[index + 2]))
  redis.call('HSET', KEYS[1], ARGV[index], cjson.encode({since, amount}))
  reply[#reply + 1] = since
  reply[#reply + 1] = amount
end
return reply
