-- The last epoch and all values at one moment.
-- KEYS[1] epochs: stream, entry <epoch>-1 {snapshot}   KEYS[2] values: hash by name   KEYS[3] changes: stream
-- Returns {the last epoch's entry or none}, {name, value, …}, the id of the last change.
local change = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
return {
  redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1),
  redis.call('HGETALL', KEYS[2]),
  change and change[1] or '0-0',
}
