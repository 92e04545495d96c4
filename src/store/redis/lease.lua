-- Takes the lease when it is free, renews it for who holds it.
-- KEYS[1] lease: hash {holder, token}, gone when it runs out   KEYS[2] fence: the last token
-- ARGV[1] holder   ARGV[2] how long it lasts, ms
-- Returns the token; nil while another holds it.
local held = redis.call('HMGET', KEYS[1], 'holder', 'token')
if held[1] == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(held[2])
end
if held[1] then
  return nil
end
-- Begins with the time, so that a server that has lost everything gives no token twice.
local time = redis.call('TIME')
redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), 'NX')
local token = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'token', token)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return token
