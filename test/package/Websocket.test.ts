/** The example of WebSockets can be copied: a client that sends thousands of messages delays no other. */
import { expect, it } from "vitest"
import app from "../../examples/websocket.js"
import { get, upgrade } from "../utils/requests.js"
import { withServer } from "../utils/serving.js"
import { frame } from "../utils/webSockets.js"

it("answers a request of another while messages that came at once are being answered", () =>
  withServer(app, { memory: true }, async ({ connect }) => {
    const socket = await connect()
    socket.send(upgrade())
    expect((await socket.head()).status).toBe(101)
    const before = socket.received
    const messages = 5000
    const answer = "..you said: hello".length
    const other = await connect()
    socket.send(Buffer.concat(Array.from({ length: messages }, () => frame("hello"))))
    other.send(get())
    expect((await other.response()).status).toBe(426)
    expect(socket.received - before).toBeLessThan(messages * answer)
    expect((await socket.bytes(messages * answer)).length).toBe(messages * answer)
  }))
