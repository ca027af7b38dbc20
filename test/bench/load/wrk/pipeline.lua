-- Sends requests so many at a time: wrk ... -s pipeline.lua <url> -- <path> <depth>
local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
dofile(folder .. "/report.lua")

function init(args)
  local one = wrk.format("GET", args[1])
  wrk.all = string.rep(one, tonumber(args[2]))
end

function request()
  return wrk.all
end
