/** The limit on Node: a constant answer to whatever comes, on a `net.Socket`. No HTTP server can be ahead of it. */
import * as net from "node:net"
import { listening } from "./listening.js"
import { hello, type Serve, textType } from "./work.js"

export const serve: Serve = () => {
  const answer = "HTTP/1.1 200 OK\r\n" +
    `Content-Type: ${textType}\r\n` +
    `Date: ${new Date().toUTCString()}\r\n` +
    `Content-Length: ${hello.length}\r\n\r\n${hello}`
  return listening(net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy())
    socket.on("data", () => socket.write(answer, "latin1"))
  }))
}
