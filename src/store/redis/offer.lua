-- Keeps what was learned under a key, unless what is kept rests on more evidence.
-- KEYS[1] learned: hash, by key "<evidence>:<learned>"   KEYS[2] offered: keys, scored by the turn of their last offer
-- ARGV[1] key   ARGV[2] evidence   ARGV[3] learned   ARGV[4] keys kept
-- Returns what is kept, if that is another's; nil otherwise.
local top = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] or 0
redis.call('ZADD', KEYS[2], top + 1, ARGV[1])
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, -ARGV[4] - 1)) do
  redis.call('ZREM', KEYS[2], key)
  redis.call('HDEL', KEYS[1], key)
end
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept then
  local evidence, learned = string.match(kept, '^([^:]+):(.*)$')
  -- Garbage rests on nothing.
  if (tonumber(evidence or '') or -1) > tonumber(ARGV[2]) then
    return learned
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
return nil
