/** Ports for programs that must be told which port to use; and whether there is IPv6. */
import { once } from "node:events"
import * as net from "node:net"
import { networkInterfaces } from "node:os"

/** Whether this machine can be reached at `::1`. */
export const hasIpv6 = Object.values(networkInterfaces()).flat().some((one) => one?.address === "::1")

// The system gives servers and clients that ask for any port one from 32768 up (ip_local_port_range of Linux). So none of those
// that other tests start can take a port from below before the program has it.
const lowest = 20_000
const highest = 32_000

/** Different ports that are free, and that the system gives to no other program. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

const isFree = async (port: number): Promise<boolean> => {
  const server = net.createServer()
  try {
    await once(server.listen(port, "127.0.0.1"), "listening")
  } catch {
    return false
  }
  await once(server.close(), "close")
  return true
}

export const freePort = async (): Promise<number> => (await freePorts(1))[0]
