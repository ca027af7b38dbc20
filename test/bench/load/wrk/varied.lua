-- Sends requests that differ in their cookie: wrk ... -s varied.lua <url> -- <path>
local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
dofile(folder .. "/report.lua")

-- no multiple of the connections, so that none of them sends the same request twice in a row
local count = 61
local requests = {}
local next = 0

function init(args)
  local cookie = wrk.headers["Cookie"]
  for i = 1, count do
    wrk.headers["Cookie"] = string.format("%s; visit=%02d", cookie, i)
    requests[i] = wrk.format("GET", args[1])
  end
end

function request()
  next = next % count + 1
  return requests[next]
end
