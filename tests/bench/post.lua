-- tests/bench/post.lua: wrk's requests that create a record each.
--
-- From the environment: COOKIE, and BODY with %d where a number makes the record unlike the others.

dofile "tests/bench/figures.lua"

local number = 0
local body = os.getenv "BODY"

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Cookie"] = os.getenv "COOKIE"

function request()
  number = number + 1
  return wrk.format(nil, nil, nil, (body:gsub("%%d", number)))
end
