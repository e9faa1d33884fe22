#!lua
-- Commit entries, versions of a document and changes of records: all or none, in one step.
--
-- KEYS  meta, the lane of the caller
-- ARGV  the beginning of all keys of the log; a request, msgpack; then the values that it names by their place in ARGV
--       (lane, digest, blob, body, operation key):
--       store     the store that the caller knows; seen: the highest commit number that it has seen
--       seq       the number of this request in its lane; acked: all up to it were answered
--       lane      8 bytes that name the lane in hints; node: the name of the caller's node
--       until     milliseconds of this server's clock after which the request is not carried out; 0: never
--       sharded   whether hints go out by SPUBLISH
--       key, named, digest, keep   the idempotency key, `user NUL key`, the digest of the body, milliseconds to keep it; key "": none
--       entries   {channel, durable, blob}: blob is what readers get, beside its numbers
--       changes   {kind, key, revision, body, labels, order, due, expires, placed_by}, absent values false
--       tip       {channel, version, generation} that the entries come after, generation -1: any; false: any
--       ids       {operation key, index of its last entry, digest}; oldest: Unix seconds of ids that may go
--       now       Unix seconds; rows: the number of ids that are kept; logged: commits kept for a node's journal
-- Reply {status, …}
--       DONE, number of the first commit, then for each entry its generation and offset (both 0 where it is not kept)
--       AGAIN, then for each entry of the first request: channel, generation, offset
--       CONFLICT: the key was used with another digest     MOVED, index of the change
--       TIP, offset of the document     KNOWN, then for each known id: operation key, version, digest
--       STORE, id ("" where there is none)     BEHIND, number of the last commit
--       LATE, milliseconds of this server's clock     VOID: the caller gave the request up before it came
-- Guarantee: with DONE everything was written and one hint a channel went out, else nothing was. A request that comes
-- again in its lane gets its first reply and has no second effect.

local log, request = ARGV[1], cmsgpack.unpack(ARGV[2])
local meta = redis.call('HMGET', KEYS[1], 'store', 'commit')
local number = tonumber(meta[2] or 0)

local function text(value)
  return string.format('%.0f', value)
end

local seq = text(request.seq)
local lane = redis.call('HMGET', KEYS[2], seq, 'acked')
local acked = tonumber(lane[2] or 0)
if request.seq <= acked then
  return {'VOID'}
end
if lane[1] then
  return cmsgpack.unpack(lane[1])
end
if meta[1] ~= request.store then
  return {'STORE', meta[1] or ''}
end
if number < request.seen then
  return {'BEHIND', number}
end
if request['until'] > 0 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if now > request['until'] then
    return {'LATE', now}
  end
end

-- Validate: nothing is written before all of it holds

local key = request.key ~= '' and log .. 'key:' .. request.key
if key then
  local before = redis.call('GET', key)
  if before then
    before = cmsgpack.unpack(before)
    if before.digest ~= ARGV[request.digest] then
      return {'CONFLICT'}
    end
    table.insert(before.places, 1, 'AGAIN')  -- no unpack: it takes some thousand values at most
    return before.places
  end
end

for index, change in ipairs(request.changes) do
  local revision = redis.call('HGET', log .. 'record:' .. change[1] .. ':' .. change[2], 'revision')
  if tonumber(revision or 0) ~= change[3] then
    return {'MOVED', index - 1}
  end
end

local heads = {}
local function head_of(channel)
  local head = heads[channel]
  if not head then
    local name = log .. 'channel:' .. channel
    local found = redis.call('HMGET', name, 'generation', 'offset')
    head = {name = name, generation = tonumber(found[1] or 0), offset = tonumber(found[2] or 0), hint = {}}
    head.before = head.offset
    head.events = log .. 'events:' .. channel .. ':' .. text(head.generation)
    heads[channel] = head
  end
  return head
end

local ops
if request.tip then
  local head = head_of(request.tip[1])
  if head.offset ~= request.tip[2] or (request.tip[3] >= 0 and head.generation ~= request.tip[3]) then
    return {'TIP', head.offset}
  end
  ops = log .. 'ops:' .. request.tip[1] .. ':' .. text(head.generation)
  local reply = {'KNOWN'}
  for _, id in ipairs(request.ids) do
    id[1], id[3] = ARGV[id[1]], ARGV[id[3]]
    local known = redis.call('HGET', ops, id[1])
    if known then
      local colon = string.find(known, ':', 1, true)
      reply[#reply + 1] = id[1]
      reply[#reply + 1] = string.sub(known, 1, colon - 1)
      reply[#reply + 1] = string.sub(known, colon + 1)
    end
  end
  if #reply > 1 then
    return reply
  end
end

-- Append

local reply, places, order = {'DONE', number + 1}, {}, {}
local commits, logged = log .. 'commits:' .. request.node, false
for _, entry in ipairs(request.entries) do
  local channel, durable, blob = entry[1], entry[2], ARGV[entry[3]]
  local head = head_of(channel)
  if #head.hint == 0 then
    order[#order + 1] = channel
  end
  local generation, offset, commit = 0, 0, 0
  if durable then
    number = number + 1
    head.offset = head.offset + 1
    generation, offset, commit = head.generation, head.offset, number
    head.last = number
    redis.call('XADD', head.events, text(offset) .. '-0', 'n', text(number), 'e', blob)
    redis.call('XADD', commits, 'MAXLEN', '~', request.logged, text(number) .. '-0',
      'c', channel, 'g', text(generation), 'o', text(offset))
    logged = true
  end
  head.hint[#head.hint + 1] = struct.pack('>I4I8I8I4', generation, offset, commit, #blob) .. blob
  reply[#reply + 1] = generation
  reply[#reply + 1] = offset
  places[#places + 1] = channel
  places[#places + 1] = generation
  places[#places + 1] = offset
end

if logged then
  redis.call('EXPIRE', commits, 2592000)  -- 30 days after the last commit of a node that does not come back
end
for channel, head in pairs(heads) do
  if head.offset > head.before then
    redis.call('HSET', head.name, 'generation', text(head.generation), 'offset', text(head.offset))
    redis.call('ZADD', log .. 'touched', text(head.last), channel)
    if head.before == 0 then
      redis.call('SADD', log .. 'channels', channel)
      redis.call('ZADD', log .. 'begun', text(number), channel)
    end
  end
end
if number >= reply[2] then
  redis.call('HSET', KEYS[1], 'commit', text(number))
end

-- Records

local function unlisted(kind, name, labels, at)
  for label in string.gmatch(labels, '[^\n]+') do
    redis.call('ZREM', log .. 'list:' .. kind .. ':' .. label, at .. '\0' .. name)
  end
end

for _, change in ipairs(request.changes) do
  local kind, name, body, labels, at, due, expires = change[1], change[2], change[4] and ARGV[change[4]], change[5], change[6], change[7], change[8]
  local record = log .. 'record:' .. kind .. ':' .. name
  local before = redis.call('HMGET', record, 'labels', 'order', 'due', 'expires')
  if not body and change[3] == 0 then  -- a check alone, also of a record that another change of this request makes
    before, due, expires = {}, false, false
  end
  if before[1] then
    unlisted(kind, name, before[1], before[2])
  end
  if not body and change[3] > 0 then
    redis.call('DEL', record)
  elseif body then
    if change[9] then
      at = string.format('%016.0f', places[change[9] * 3 + 3])
    end
    redis.call('HSET', record, 'body', body, 'revision', text(change[3] + 1), 'labels', labels, 'order', at,
      'due', due or '', 'expires', expires or '')
    for label in string.gmatch(labels, '[^\n]+') do
      redis.call('ZADD', log .. 'list:' .. kind .. ':' .. label, 0, at .. '\0' .. name)
    end
  end
  if body and due then
    redis.call('ZADD', log .. 'due:' .. kind, due, name)
  elseif before[3] and before[3] ~= '' then
    redis.call('ZREM', log .. 'due:' .. kind, name)
  end
  if body and expires then
    redis.call('ZADD', log .. 'expiry', expires, kind .. '\0' .. name)
  elseif before[4] and before[4] ~= '' then
    redis.call('ZREM', log .. 'expiry', kind .. '\0' .. name)
  end
end

-- The ids of edits: the oldest of all documents go first, twice as many at most as come

if ops and #request.ids > 0 then
  local queue = log .. 'ops'
  for _, id in ipairs(request.ids) do
    local version = text(places[id[2] * 3 + 3])
    redis.call('HSET', ops, id[1], version .. ':' .. id[3])
    redis.call('XADD', queue, '*', 'h', ops, 'k', id[1], 'v', version, 'a', text(request.now))
  end
  local over = redis.call('XLEN', queue) - request.rows
  local last
  for _, row in ipairs(redis.call('XRANGE', queue, '-', '+', 'COUNT', 2 * #request.ids + 2)) do
    local h, k, v, a = row[2][2], row[2][4], row[2][6], row[2][8]
    if over <= 0 and tonumber(a) > request.oldest then
      break
    end
    local known = redis.call('HGET', h, k)
    if known and string.sub(known, 1, #v + 1) == v .. ':' then
      redis.call('HDEL', h, k)
    end
    over, last = over - 1, row[1]
  end
  if last then
    local ms, part = string.match(last, '(%d+)-(%d+)')
    redis.call('XTRIM', queue, 'MINID', ms .. '-' .. text(tonumber(part) + 1))
  end
end

if key then
  redis.call('SET', key, cmsgpack.pack({digest = ARGV[request.digest], places = places, named = request.named}), 'PX', text(request.keep))
end

-- What the lane's node may ask again

redis.call('HSET', KEYS[2], seq, cmsgpack.pack(reply), 'acked', text(request.acked))
for gone = acked + 1, request.acked do
  redis.call('HDEL', KEYS[2], text(gone))
end
redis.call('PEXPIRE', KEYS[2], 3600000)

-- Publish: behind all that was written

local publish = request.sharded and 'SPUBLISH' or 'PUBLISH'
for _, channel in ipairs(order) do
  local head = heads[channel]
  local hint = table.concat(head.hint)
  if #hint > 65536 and head.offset > head.before and #head.hint == head.offset - head.before then
    hint = struct.pack('>I4I8I8I4', head.generation, head.offset, number, 0)  -- too long: readers fetch it
  end
  redis.call(publish, log .. 'hint:' .. channel, ARGV[request.lane] .. hint)
end
return reply
