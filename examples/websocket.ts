/**
 * Another protocol on the same connection: the application takes the socket, and the package `ws` speaks on it.
 *
 *   npm install ws
 *   npx tsx examples/websocket.ts
 *   npx tsx -e 'import { WebSocket } from "ws"
 *     const socket = new WebSocket("ws://127.0.0.1:8090/")
 *     socket.on("open", () => socket.send("hello"))
 *     socket.on("message", (data) => { console.log(String(data)); socket.close() })'
 *                                      you said: hello
 *   curl -i http://127.0.0.1:8090/     HTTP/1.1 426 Upgrade Required
 *
 * The access log has its line, and post hooks run, when the socket closes.
 */
import type { IncomingMessage } from "node:http"
import { type App, listen, server } from "tsgi"
import { WebSocketServer } from "ws"
import { isMain, port, run } from "./serve.js"

// one message in each turn of the event loop: a client may have sent thousands, and others must be served
const sockets = new WebSocketServer({ noServer: true, allowSynchronousEvents: false })

const app: App = (env, startResponse) => {
  if (env.HTTP_UPGRADE?.toLowerCase() !== "websocket") {
    startResponse("426 Upgrade Required", [["Upgrade", "websocket"], ["Connection", "Upgrade"]])
    return "speak WebSocket\n"
  }
  env["eventlet.posthooks"].push([() => console.log("socket closed")])
  // the parts of a request that `ws` reads
  const request = {
    method: env.REQUEST_METHOD,
    url: env.REQUEST_URI,
    headers: Object.fromEntries(env.headers_raw.map(([name, value]) => [name.toLowerCase(), value]))
  } as IncomingMessage
  sockets.handleUpgrade(request, env["wsgi.input"].getSocket(), Buffer.alloc(0), (socket) => {
    // a server that stops may close this connection
    env["eventlet.set_idle"]()
    socket.on("message", (data: Buffer) => {
      socket.send(`you said: ${data.toString()}`, () => socket.resume())
      // a client that does not read is not read: its answers would fill the memory
      if (socket.bufferedAmount > 1_048_576) socket.pause()
    })
  })
  // not sent: the socket is no longer the server's
  return ""
}

export default app

if (isMain(import.meta.url)) run(server(listen(port), app))
