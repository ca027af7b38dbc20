/**
 * What a request's fields demand: that its connection persists, a 100, another protocol; and the members of a list. The family:
 * each field alone, beside others of its name and of other names, in HTTP/1.0 and 1.1, in any case, with blanks, and in invalid
 * forms.
 */
import { type Demands, listMembers, RequestReader } from "tsgi/protocol"
import { describe, expect, it } from "vitest"

const demandsOf = (version: "1.0" | "1.1", lines: ReadonlyArray<string>, method = "POST"): Demands => {
  const target = method === "CONNECT" ? "a:1" : "/"
  const reader = new RequestReader()
  reader.receive(Buffer.from([`${method} ${target} HTTP/${version}`, "Host: a", ...lines, "", ""].join("\r\n")))
  const message = reader.next()
  if (message?._tag !== "RequestStart") throw new Error(`refused: ${JSON.stringify(message)}`)
  return message.demands
}

describe("a connection persists (RFC 9112, 9.3)", () => {
  it.each(
    [
      ["1.1", [], true, false],
      ["1.1", ["Connection: keep-alive"], true, true],
      ["1.1", ["Connection: Keep-Alive"], true, true],
      ["1.1", ["Connection:"], true, false],
      ["1.1", ["Connection: x-other"], true, false],
      ["1.1", ["Connection: close"], false, false],
      ["1.1", ["Connection: CLOSE"], false, false],
      ["1.1", ["connection: x, \t close ,y"], false, false],
      ["1.1", ["Connection: keep-alive, close"], false, true],
      ["1.1", ["Connection: close", "Connection: keep-alive"], false, true],
      ["1.1", ["Connection: x", "Connection: close"], false, false],
      ["1.1", ["Connection: closed"], true, false],
      ["1.1", ["Connection: \"close\""], true, false],
      ["1.1", ["Keep-Alive: timeout=5"], true, false],
      ["1.1", ["Proxy-Connection: close"], true, false],
      ["1.0", [], false, false],
      ["1.0", ["Connection: keep-alive"], true, true],
      ["1.0", ["Connection: KEEP-alive, x"], true, true],
      ["1.0", ["Connection: keep-alive, close"], false, true],
      ["1.0", ["Connection: close"], false, false],
      ["1.0", ["Proxy-Connection: keep-alive"], false, false]
    ] as const
  )("on HTTP/%s with %j: %s", (version, lines, persistent, asksKeepAlive) => {
    expect(demandsOf(version, lines)).toMatchObject({ persistent, asksKeepAlive })
    expect(demandsOf(version, [...lines, "Content-Length: 2"])).toMatchObject({ persistent, asksKeepAlive })
  })

  it("not behind CONNECT, which hands it over", () => {
    expect(demandsOf("1.1", ["Connection: keep-alive"], "CONNECT").persistent).toBe(false)
  })
})

describe("a 100 is awaited (RFC 9110, 10.1.1)", () => {
  it.each(
    [
      ["1.1", ["Expect: 100-continue", "Content-Length: 2"], true],
      ["1.1", ["Expect: 100-CONTINUE", "Content-Length: 2"], true],
      ["1.1", ["expect: 100-continue", "Transfer-Encoding: chunked"], true],
      ["1.1", ["Expect: x, 100-continue", "Content-Length: 2"], true],
      ["1.1", ["Expect: x", "Expect: 100-continue", "Content-Length: 2"], true],
      ["1.1", ["Expect: 100-continue"], false],
      ["1.1", ["Expect: 100-continue", "Content-Length: 0"], false],
      ["1.1", ["Expect: 100-continued", "Content-Length: 2"], false],
      ["1.1", ["Expect: 200-ok", "Content-Length: 2"], false],
      ["1.1", ["Expect:", "Content-Length: 2"], false],
      ["1.1", ["Content-Length: 2"], false],
      ["1.0", ["Expect: 100-continue", "Content-Length: 2"], false]
    ] as const
  )("on HTTP/%s with %j: %s", (version, lines, expectsContinue) => {
    expect(demandsOf(version, lines).expectsContinue).toBe(expectsContinue)
  })
})

describe("protocols are offered (RFC 9110, 7.8)", () => {
  it.each(
    [
      ["1.1", ["Connection: Upgrade", "Upgrade: websocket"], "websocket"],
      ["1.1", ["Connection: keep-alive, upgrade", "Upgrade: h2c, WebSocket"], "h2c, WebSocket"],
      ["1.1", ["Connection: upgrade", "Upgrade: a", "Upgrade: b"], "a,b"],
      ["1.1", ["Upgrade: websocket"], ""],
      ["1.1", ["Connection: keep-alive", "Upgrade: websocket"], ""],
      ["1.1", ["Connection: upgrade"], ""],
      ["1.0", ["Connection: upgrade", "Upgrade: websocket"], ""],
      ["1.0", ["Connection: upgrade, keep-alive", "Upgrade: websocket", "Content-Length: 2"], ""]
    ] as const
  )("on HTTP/%s with %j: %j", (version, lines, upgrade) => {
    expect(demandsOf(version, lines).upgrade).toBe(upgrade)
  })
})

describe("list members (RFC 9110, 5.6.1)", () => {
  it.each([
    ["", []],
    [",", []],
    ["a", ["a"]],
    [" A\t,, b c ,", ["a", "b c"]]
  ])("of %j", (value, members) => {
    expect(listMembers(value)).toEqual(members)
  })

  it("are found in linear time: a million blanks inside would take hours otherwise", () => {
    const blanks = " ".repeat(1_000_000)
    expect(listMembers(`${blanks}a${blanks}b${blanks}`)).toEqual([`a${blanks}b`])
  })
})
