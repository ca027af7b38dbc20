/** An app that tells the id of its process, ends the process or blocks it. */

export const hello = `export default (env, startResponse) => {
  if (env.PATH_INFO === "/crash") process.exit(7)
  const blocked = { "/block": 1500, "/stuck": 60_000 }[env.PATH_INFO]
  if (blocked !== undefined) console.log("blocked")
  if (blocked !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blocked)
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return env.PATH_INFO === "/pid" ? String(process.pid) : env.PATH_INFO === "/multi" ? String(env["wsgi.multiprocess"]) : "Hello"
}
`
