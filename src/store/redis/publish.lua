-- Appends an epoch.
-- KEYS[1] lease: hash {holder, token}   KEYS[2] epochs: stream, entry <epoch>-1 {snapshot}
-- ARGV[1] token   ARGV[2] epoch   ARGV[3] snapshot   ARGV[4] epochs kept
-- Returns the epoch before it, 0 for none; the error LEASELOST or STALEEPOCH.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return redis.error_reply('LEASELOST this token is not in force')
end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local before = last and tonumber(string.match(last[1], '^%d+')) or 0
if tonumber(ARGV[2]) <= before then
  return redis.error_reply('STALEEPOCH it is not above the last')
end
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], ARGV[2] .. '-1', 's', ARGV[3])
return before
