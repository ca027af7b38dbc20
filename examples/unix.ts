/**
 * A unix socket, which only its owner and group may use.
 *
 *   npx tsx examples/unix.ts
 *   curl --unix-socket /tmp/tsgi-example.sock http://localhost/   Hello, unix!
 *   ls -l /tmp/tsgi-example.sock                                  srw-rw---- ...
 *
 * `SOCKET` chooses another path. A socket left by a server that died is replaced; a live server's is not. Ctrl-C removes
 * it.
 */
import { join } from "node:path"
import { listen, server } from "tsgi"
import { run } from "./serve.js"

const path = process.env.SOCKET ?? join("/tmp", "tsgi-example.sock")

const running = server(listen({ path, mode: 0o660 }), (env, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return `Hello, ${env.REMOTE_ADDR}!\n`
})

run(running)
