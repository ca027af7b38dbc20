/** What the example of WebSockets is to be copied for: one client that sends thousands of messages holds up no other. */
import { server } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { expect, it } from "vitest"
import app from "../../examples/websocket.js"

/** A masked frame of text (RFC 6455, 5.2), with a key of zeros. */
const frame = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])

const upgrade = [
  "GET / HTTP/1.1",
  "Host: a",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n"
].join("\r\n")

it("answers a request of another while messages that came at once are being answered", async () => {
  const memory = MemoryListener.make()
  const running = server(memory.listener, app, { logOutput: false })
  await running.ready
  const socket = memory.connect()
  socket.send(upgrade)
  expect((await socket.head()).status).toBe(101)
  const before = socket.received
  const messages = 5000
  const answer = "..you said: hello".length
  const other = memory.connect()
  socket.send(Buffer.concat(Array.from({ length: messages }, () => frame("hello"))))
  other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  expect((await other.response()).status).toBe(426)
  expect(socket.received - before).toBeLessThan(messages * answer)
  expect((await socket.bytes(messages * answer)).length).toBe(messages * answer)
  socket.close()
  other.close()
  await running.stop()
})
