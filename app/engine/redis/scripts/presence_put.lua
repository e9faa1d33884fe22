#!lua
-- Replace what is kept of one user, or of one field lock, on a channel, if it is still what the caller saw.
--
-- KEYS  users (hash), locks (hash), meta (hash: epoch, n), changes (stream), all of one channel
-- ARGV  "u" or "l": which hash; its field; the value that is expected there ("" for none); the new one ("" removes);
--       a mark for the readers; an epoch for a channel that has none; the pub/sub channel of hints;
--       how many changes are kept; for how many milliseconds an empty channel is remembered
-- Reply {1, epoch, number of the change, the value as stored}, or {0, the value that is there}
-- Guarantee: changes of a channel are numbered without a gap, stored, and said in a hint, in one step. The first
--       16 characters of a stored value are the number of the change that began it, as hexadecimal digits.

local hash = ARGV[1] == 'u' and KEYS[1] or KEYS[2]
local found = redis.call('HGET', hash, ARGV[2]) or ''
if found ~= ARGV[3] then
  return {0, found}
end
local epoch = redis.call('HGET', KEYS[3], 'epoch')
if not epoch then
  epoch = ARGV[6]
  redis.call('HSET', KEYS[3], 'epoch', epoch)
end
local n = redis.call('HINCRBY', KEYS[3], 'n', 1)
local stored = ''
if ARGV[4] ~= '' then
  stored = (found ~= '' and found:sub(1, 16) or string.format('%016x', n)) .. ARGV[4]
  redis.call('HSET', hash, ARGV[2], stored)
else
  redis.call('HDEL', hash, ARGV[2])
end
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[8], string.format('%.0f-0', n),
  'c', ARGV[1], 'f', ARGV[2], 's', stored, 'm', ARGV[5])
local kept = redis.call('HLEN', KEYS[1]) + redis.call('HLEN', KEYS[2])
if kept == 0 then
  redis.call('PEXPIRE', KEYS[3], ARGV[9])
  redis.call('PEXPIRE', KEYS[4], ARGV[9])
elseif kept == 1 and found == '' then
  redis.call('PERSIST', KEYS[3])
  redis.call('PERSIST', KEYS[4])
end
redis.call('PUBLISH', ARGV[7],
  cmsgpack.pack({epoch, n, ARGV[1], ARGV[2], stored, ARGV[5]}))
return {1, epoch, n, stored}
