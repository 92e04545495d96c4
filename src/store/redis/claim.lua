-- Claims names.
-- KEYS[1] claims: names, scored by when they are free again (ms since 1970)
-- ARGV[1] how long a name is claimed, ms   ARGV[2] names kept   ARGV[3…] names
-- Returns 1 for each that was free, 0 for the others.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local free = {}
for i = 3, #ARGV do
  local till = redis.call('ZSCORE', KEYS[1], ARGV[i])
  free[i - 2] = (till and tonumber(till) > now) and 0 or 1
  redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[2] - 1)
return free
