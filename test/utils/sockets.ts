/** Wire clients over real sockets. */
import * as Net from "node:net"
import { Duplex } from "node:stream"
import * as Tls from "node:tls"
import type { Address } from "tsgi"
import { type Channel, WireClient } from "tsgi/testing"
import { get } from "./requests.js"

const channelOf = (socket: Net.Socket, carrier: Net.Socket): Channel => {
  // after an error comes `close`, for which a client waits
  socket.on("error", () => undefined)
  return {
    write: (bytes) => socket.write(bytes),
    end: () => socket.end(),
    // what was written over TLS is sent in the next turn with Node 26, and earlier with older versions
    close: () => void (socket === carrier ? socket.destroy() : setImmediate(() => socket.destroy())),
    // only TCP can be reset, also under TLS, and not a unix socket
    reset: () => {
      if (carrier.remoteAddress !== undefined) carrier.resetAndDestroy()
      socket.destroy()
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    unsent: () => socket.writableLength,
    receive: ({ closed, data, end }) => {
      socket.on("data", data)
      socket.once("end", end)
      socket.once("close", closed)
    }
  }
}

/** An address, or a port of this machine. */
export type Target = Address | number

const target = (to: Target): Net.NetConnectOpts => {
  if (typeof to === "number") return { host: "127.0.0.1", port: to, allowHalfOpen: true }
  return to._tag === "Unix"
    ? { path: to.path, allowHalfOpen: true }
    : { host: to.host, port: to.port, allowHalfOpen: true }
}

const connected = (socket: Net.Socket, event: string, carrier = socket): Promise<WireClient> =>
  new Promise((resolve, reject) => {
    const client = new WireClient(channelOf(socket, carrier))
    socket.once("error", reject)
    socket.once(event, () => {
      socket.off("error", reject)
      resolve(client)
    })
  })

/** Connects over TCP or a unix socket. */
export const connect = (to: Target): Promise<WireClient> => {
  const socket = Net.connect(target(to))
  socket.setNoDelay(true)
  return connected(socket, "connect")
}

/** Gets `/` on a connection of its own, and returns the text of the answer. */
export const ask = async (to: Target): Promise<string> => {
  await using client = await connect(to)
  client.send(get())
  const { body } = await client.response()
  return body.toString().trim()
}

/** Connects with TLS. It trusts any certificate, unless `options` say otherwise. */
export const connectTls = (to: Target, options: Tls.ConnectionOptions = {}): Promise<WireClient> => {
  const carrier = Net.connect(target(to))
  carrier.setNoDelay(true)
  carrier.on("error", () => undefined)
  // TLS takes the handle of a socket, and Node 20 crashes at its reset; a stream around the socket has no handle
  const stream = Duplex.from({ readable: carrier, writable: carrier })
  const socket = Tls.connect({ rejectUnauthorized: false, socket: stream, ...options })
  return connected(socket, "secureConnect", carrier)
}
