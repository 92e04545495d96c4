-- Takes the lease when it is free, renews it for who holds it.
-- KEYS[1] lease: hash {holder, token}, gone when it runs out   KEYS[2] fence: the last token
-- ARGV[1] holder   ARGV[2] how long it lasts, ms
-- Returns the token; nil while another holds it.
local held = redis.call('HMGET', KEYS[1], 'holder', 'token')
local token = held[2] and string.match(held[2], '^%d+$')
-- What does not run out, or has no token, was not written here: nobody holds it.
if token and held[1] and redis.call('PTTL', KEYS[1]) >= 0 then
  if held[1] ~= ARGV[1] then
    return nil
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(token)
end
redis.call('DEL', KEYS[1])
-- Begins with the time, so that a server that has lost everything, or has garbage there, gives no token twice.
local time = redis.call('TIME')
local last = redis.call('GET', KEYS[2])
if not (last and string.match(last, '^%d+$') and tonumber(last) < 2 ^ 53 - 1) then
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
end
token = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'token', token)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return token
