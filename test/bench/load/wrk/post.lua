-- Sends a body of JSON: wrk ... -s post.lua <url> -- <path> <body>
local folder = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
dofile(folder .. "/report.lua")

function init(args)
  wrk.headers["Content-Type"] = "application/json"
  wrk.all = wrk.format("POST", args[1], nil, args[2])
end

function request()
  return wrk.all
end
