/** An app that says a text, and what it says. */
import { connect } from "../utils/sockets.js"

export const app = (text: string): string =>
  `export default (env, startResponse) => { startResponse("200 OK", []); return ${JSON.stringify(text)} }`

export const get = async (port: number): Promise<string> => {
  await using client = await connect(port)
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  return Buffer.from((await client.response()).body).toString()
}
