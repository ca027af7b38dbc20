-- Sends a body of so many bytes: wrk ... -s upload.lua <url> -- <path> <size>
local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
dofile(folder .. "/report.lua")

function init(args)
  wrk.all = wrk.format("POST", args[1], nil, string.rep("x", tonumber(args[2])))
end

function request()
  return wrk.all
end
