#!lua
-- Open a session of a user, or resume one, within the number of sessions that may be open.
--
-- KEYS  sessions of one user (hash: id = JSON array of opening, home, node, count, end in seconds or 0)
-- ARGV  the id of this opening, which is the session's if it is new; the id to resume ("" for none); the limit; the
--       run and the name of the node; Unix seconds now; seconds in which an ended session can be resumed
-- Reply {id, count, name of the node and run of the connection that it displaces ("" "" for none)}; {} at the limit
-- Guarantee: exact over all nodes. Ended sessions whose time is over are forgotten. Asked again after a lost reply, the
--       same opening gives the same answer, but for the displaced connection.

local now, window = tonumber(ARGV[6]), tonumber(ARGV[7])
local open, known = 0, {}
local found = redis.call('HGETALL', KEYS[1])
for index = 1, #found, 2 do
  local one = cjson.decode(found[index + 1])
  if one[5] > 0 and now - one[5] >= window then
    redis.call('HDEL', KEYS[1], found[index])
  else
    known[found[index]] = one
    if one[5] == 0 then
      open = open + 1
    end
  end
end
local id, count, node, home = ARGV[1], 0, '', ''
local before = known[ARGV[2]]
if before then
  id = ARGV[2]
  count = before[1] == ARGV[1] and before[4] or before[4] + 1
  if before[5] == 0 then
    open = open - 1
    if before[1] ~= ARGV[1] then
      node, home = before[3], before[2]
    end
  end
elseif known[id] and known[id][5] == 0 then
  open = open - 1
end
if open >= tonumber(ARGV[3]) then
  return {}
end
redis.call('HSET', KEYS[1], id, cjson.encode({ARGV[1], ARGV[4], ARGV[5], count, 0}))
redis.call('PERSIST', KEYS[1])
return {id, count, node, home}
