/** Fastify, without its logger, as its own benchmarks run it. */
import { fastify } from "fastify"
import { backlog, hello, host, idleSeconds, type Serve, textType } from "./work.js"

export const serve: Serve = async () => {
  const app = fastify({ keepAliveTimeout: idleSeconds * 1000, forceCloseConnections: true })
  app.get("/hello", (_, reply) => {
    reply.header("Content-Type", textType).send(hello)
  })
  await app.listen({ port: 0, host, backlog })
  const address = app.server.address()
  if (address === null || typeof address === "string") throw new Error("no TCP address")
  return { port: address.port, stop: () => app.close() }
}
