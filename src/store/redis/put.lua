-- Sets or removes a value, and sends it to those who follow.
-- KEYS[1] lease: hash {holder, token}   KEYS[2] values: hash by name   KEYS[3] changes: stream {n: name, v: value}
-- ARGV[1] token   ARGV[2] changes kept   ARGV[3] name   ARGV[4] value; left out to remove it
-- Returns nothing; the error LEASELOST.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return redis.error_reply('LEASELOST this token is not in force')
end
if ARGV[4] then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[2], '*', 'n', ARGV[3], 'v', ARGV[4])
else
  redis.call('HDEL', KEYS[2], ARGV[3])
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[2], '*', 'n', ARGV[3])
end
