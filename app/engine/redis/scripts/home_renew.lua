#!lua
-- Renew the lease of a node's run, store its report, and hand out dead runs whose places are to be cleared.
--
-- KEYS  homes (sorted set: run, end of its lease in ms), sweeps (sorted set: dead run, when it is to be cleared in ms),
--       nodes (hash: node, its last report)
-- ARGV  the run; the lease in ms; "1" where it begins; the node ("" where nothing is reported); its report;
--       "1" to take dead runs; for how many ms the caller has them alone
-- Reply {1, ms of this server's clock, runs to clear ...}; {0, ms} where the run counts as dead: begin another one
-- Guarantee: a run is cleared only after its lease ended, and from then on cannot renew it.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] ~= '1' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return {0, now}
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
end
local reply = {1, now}
if ARGV[6] == '1' then
  local at = string.format('%.0f', now)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. at, 'LIMIT', 0, 16)) do
    redis.call('ZREM', KEYS[1], dead)
    redis.call('ZADD', KEYS[2], at, dead)
  end
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', at, 'LIMIT', 0, 4)) do
    redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[7]), dead)
    reply[#reply + 1] = dead
  end
end
return reply
