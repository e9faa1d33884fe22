#!lua
-- Take a token's description of a user, if it is not older than the one that is known, and one more place.
--
-- KEYS  person (hash: profile, issued, presented, and "c:" .. place = home for each place), of one user
-- ARGV  the description, the token's times of issue and of presentation, the place ("" for none), its home
-- Reply {the description in force, its time of issue, its time of presentation, then, where the caller's differs from
--       the one before, all places}
-- Guarantee: of two nodes that describe a user at once, the later one learns all places that the earlier one entered.

local known = redis.call('HMGET', KEYS[1], 'profile', 'issued', 'presented')
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'c:' .. ARGV[4], ARGV[5])
elseif not known[1] then
  return {ARGV[1], ARGV[2], ARGV[3]}
end
local issued, presented = tonumber(known[2] or '-inf'), tonumber(known[3] or '-inf')
if known[1] and (tonumber(ARGV[2]) < issued or (tonumber(ARGV[2]) == issued and tonumber(ARGV[3]) < presented)) then
  return known
end
redis.call('HSET', KEYS[1], 'profile', ARGV[1], 'issued', ARGV[2], 'presented', ARGV[3])
local reply = {ARGV[1], ARGV[2], ARGV[3]}
if known[1] and known[1] ~= ARGV[1] then
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if name:sub(1, 2) == 'c:' then
      reply[#reply + 1] = name:sub(3)
    end
  end
end
return reply
