/** Listens, and ends at once, for contestants on node's own servers. */
import * as net from "node:net"
import { backlog, host, type Serving } from "./work.js"

/** A port that was free a moment ago, for programs that do not say which one they have. */
export const freePort = async (): Promise<number> => {
  const server = net.createServer()
  const { port, stop } = await listening(server)
  await stop()
  return port
}

export const listening = async (server: net.Server): Promise<Serving> => {
  const open = new Set<net.Socket>()
  server.on("connection", (socket: net.Socket) => {
    open.add(socket)
    socket.once("close", () => open.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen({ port: 0, host, backlog }, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no TCP address")
  return {
    port: address.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      })
  }
}
