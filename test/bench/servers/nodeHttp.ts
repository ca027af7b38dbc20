/** node:http, as fast as it is when used plainly: one `writeHead` with a length, one `end`. */
import { once } from "node:events"
import * as http from "node:http"
import { listening } from "./listening.js"
import { bytesType, type Download, downloads, hello, idleSeconds, type Serve, textType } from "./work.js"

export const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
  const url = request.url ?? ""
  if (url === "/hello") {
    response.writeHead(200, { "Content-Type": textType, "Content-Length": hello.length })
    response.end(hello)
    return
  }
  if (url === "/upload") {
    let length = 0
    request.on("data", (piece: Buffer) => length += piece.length)
    request.on("end", () => {
      const body = String(length)
      response.writeHead(200, { "Content-Type": textType, "Content-Length": body.length })
      response.end(body)
    })
    return
  }
  const [, form, size] = url.split("/")
  const download = downloads[`/${size}`]
  if (download === undefined) {
    response.writeHead(404, { "Content-Length": 0 })
    response.end()
  } else if (form === "array") array(response, download)
  else stream(response, download).catch(() => response.destroy())
}

const array = (response: http.ServerResponse, { length, parts }: Download): void => {
  response.writeHead(200, { "Content-Type": bytesType, "Content-Length": length })
  if (parts.length === 1) return void response.end(parts[0])
  let next = 0
  const more = (): void => {
    while (next < parts.length) if (!response.write(parts[next++])) return
    response.off("drain", more)
    response.end()
  }
  response.on("drain", more)
  more()
}

const stream = async (response: http.ServerResponse, download: Download): Promise<void> => {
  response.writeHead(200, { "Content-Type": bytesType })
  for await (const piece of download.stream()) {
    if (!response.write(piece)) await once(response, "drain")
    if (response.destroyed) return
  }
  response.end()
}

export const serve: Serve = () => {
  const server = http.createServer(answer)
  server.keepAliveTimeout = idleSeconds * 1000
  return listening(server)
}
