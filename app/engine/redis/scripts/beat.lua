#!lua
-- Say how far the log is, and send a beat to the caller's own pub/sub connection.
--
-- KEYS  meta
-- ARGV  the pub/sub channel of the caller's beats, the number of the beat, "1" for SPUBLISH
-- Reply {store ("" where there is none), number of the last commit, milliseconds of this server's clock, the identity
--       of this run of the server and of its data set, which another server's or a restored one differs from}
-- Guarantee: nothing is written.

local meta = redis.call('HMGET', KEYS[1], 'store', 'commit')
local time = redis.call('TIME')
redis.call(ARGV[3] == '1' and 'SPUBLISH' or 'PUBLISH', ARGV[1], ARGV[2])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local data = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''
return {meta[1] or '', tonumber(meta[2] or 0), time[1] * 1000 + math.floor(time[2] / 1000), run .. ':' .. data}
