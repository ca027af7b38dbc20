/** Ports for programs that must be told which port to use. */
import { once } from "node:events"
import * as net from "node:net"

/** Different ports that were free a moment ago. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, "127.0.0.1"))
  await Promise.all(servers.map((server) => once(server, "listening")))
  const ports = servers.map((server) => {
    const address = server.address()
    return address === null || typeof address === "string" ? 0 : address.port
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

export const freePort = async (): Promise<number> => (await freePorts(1))[0]
