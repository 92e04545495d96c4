-- Gives a lease back, if it is still in force.
-- KEYS[1] lease: hash {holder, token}
-- ARGV[1] token
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
