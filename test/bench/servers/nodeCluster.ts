/** node:http in the workers of node:cluster, as many as the mode says, in its usual round robin. */
import cluster from "node:cluster"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { backlog, hello, host, idleSeconds, type Serve, textType, work } from "./work.js"

const run = (): void => {
  const server = http.createServer((request, response) => {
    if (request.url === "/work") work()
    response.writeHead(200, { "Content-Type": textType, "Content-Length": hello.length })
    response.end(hello)
  })
  server.keepAliveTimeout = idleSeconds * 1000
  server.listen({ host, port: 0, backlog })
}

export const serve: Serve = async (mode) => {
  cluster.setupPrimary({ exec: import.meta.filename, args: ["worker"] })
  const workers = Array.from({ length: Number(mode) }, () => cluster.fork())
  const addresses = await Promise.all(
    workers.map((worker) => new Promise<AddressInfo>((resolve) => worker.once("listening", resolve)))
  )
  return {
    port: addresses[0].port,
    stop: async () => {
      await new Promise<void>((resolve) => cluster.disconnect(resolve))
    }
  }
}

if (process.argv[2] === "worker") run()
