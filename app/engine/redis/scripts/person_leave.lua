#!lua
-- Forget a place of a user, and with the last one the user.
--
-- KEYS  person, of one user
-- ARGV  the place, its home
-- Reply 1 where it was forgotten; 0 where there is none, or another home has it
-- Guarantee: one step.

if redis.call('HGET', KEYS[1], 'c:' .. ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], 'c:' .. ARGV[1])
if redis.call('HLEN', KEYS[1]) <= 3 then
  redis.call('DEL', KEYS[1])
end
return 1
