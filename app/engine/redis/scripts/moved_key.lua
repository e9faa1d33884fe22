#!lua
-- Read an idempotency key.
--
-- KEYS  the key
-- ARGV  none
-- Reply {digest, its user and name (`user NUL key`; "" where a version before did not keep it), Unix milliseconds at
--       which it expires, then for each place: channel, generation, offset}; {} where it is gone
-- Guarantee: reads only.

local found = redis.call('GET', KEYS[1])
if not found then
  return {}
end
found = cmsgpack.unpack(found)
local reply = {found.digest, found.named or '', redis.call('PEXPIRETIME', KEYS[1])}
for _, place in ipairs(found.places) do  -- no unpack: it takes some thousand values at most
  reply[#reply + 1] = place
end
return reply
