#!lua
-- Move the oldest versions of a document from its log into a packed block.
--
-- KEYS  meta
-- ARGV  the beginning of all keys of the log, the document's channel, generation, the oldest offset of the log, the one
--       that becomes the oldest, the block ("": nothing of before is kept), how many bytes all blocks may take, the
--       versions between two snapshots that are kept beyond the log
-- Reply the oldest offset of the log
-- Guarantee: in one step, so that no version is missing; nothing is done where another node has trimmed the log.
-- Above their bound the oldest blocks go, and the snapshots that no kept version needs.

local log, channel, generation = ARGV[1], ARGV[2], ARGV[3]
local expected, cut, block = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local most, spacing = tonumber(ARGV[7]), tonumber(ARGV[8])
local place = channel .. ':' .. generation
local events, segments = log .. 'events:' .. place, log .. 'segments:' .. place
local snapshots, head = log .. 'snapshots:' .. place, log .. 'channel:' .. channel

local row = redis.call('XRANGE', events, '-', '+', 'COUNT', 1)[1]
local oldest = row and tonumber(string.match(row[1], '%d+')) or 1
if oldest ~= expected or (redis.call('HGET', head, 'generation') or '0') ~= generation then
  return oldest
end
redis.call('XTRIM', events, 'MINID', string.format('%.0f-0', cut))
redis.call('HSET', head, 'oldest', string.format('%.0f', cut))
if block == '' then
  redis.call('DEL', segments)
else
  redis.call('HSET', segments, string.format('%.0f:%.0f', oldest, cut - 1), block)
end

local spans, total, first = {}, 0, cut
for _, name in ipairs(redis.call('HKEYS', segments)) do
  spans[#spans + 1] = {tonumber(string.match(name, '%d+')), name}
end
table.sort(spans, function(a, b) return a[1] > b[1] end)
for _, span in ipairs(spans) do
  total = total + redis.call('HSTRLEN', segments, span[2])
  if total > most then
    redis.call('HDEL', segments, span[2])
  else
    first = span[1]
  end
end

local base, least = 0, {}
local versions = redis.call('HKEYS', snapshots)
for index, version in ipairs(versions) do
  versions[index] = tonumber(version)
  if versions[index] < cut then
    base = math.max(base, versions[index])
  end
end
for _, version in ipairs(versions) do
  if version >= first - 1 then
    local group = math.floor(version / spacing)
    least[group] = math.min(least[group] or version, version)
  end
end
for _, version in ipairs(versions) do
  local is_needed = version >= base or least[math.floor(version / spacing)] == version
  if version < first - 1 or not is_needed then
    redis.call('HDEL', snapshots, string.format('%.0f', version))
  end
end
return cut
