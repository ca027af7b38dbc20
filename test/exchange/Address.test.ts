/** Addresses as they are written: in the line of the start as eventlet does, elsewhere as `--listen` takes them. */
import { expect, it } from "vitest"
import { type Address, format, listenAddress, peerName } from "../../src/exchange/Address.js"

it.each<readonly [address: Address, plain: string, secured: string]>([
  [{ _tag: "Tcp", host: "127.0.0.1", port: 8090 }, "http://127.0.0.1:8090", "https://127.0.0.1:8090"],
  [{ _tag: "Tcp", host: "::1", port: 8090 }, "http://[::1]:8090", "https://[::1]:8090"],
  [{ _tag: "Unix", path: "/run/app.sock" }, "unix:/run/app.sock", "https+unix:/run/app.sock"],
  [{ _tag: "Unix", path: "app.sock" }, "unix:app.sock", "https+unix:app.sock"],
  // unix(7): ss and systemd write the null byte of an abstract name so
  [{ _tag: "Unix", path: "\0app" }, "unix:@app", "https+unix:@app"],
  [{ _tag: "Unix", path: "" }, "unix", "https+unix"]
])("%j is listened on as %s, and with TLS as %s", (address, plain, secured) => {
  expect(listenAddress(address)).toBe(plain)
  expect(listenAddress(address, "https")).toBe(secured)
})

it.each<readonly [address: Address, plain: string, secured: string]>([
  [{ _tag: "Tcp", host: "::1", port: 8090 }, "http://[::1]:8090", "https://[::1]:8090"],
  [{ _tag: "Unix", path: "/run/app.sock" }, "http:/run/app.sock", "https:/run/app.sock"],
  [{ _tag: "Unix", path: "" }, "http:unix", "https:unix"]
])("%j starts up on %s, and with TLS on %s", (address, plain, secured) => {
  expect(format(address)).toBe(plain)
  expect(format(address, "https")).toBe(secured)
})

it("a peer has no scheme", () => {
  expect(peerName({ _tag: "Tcp", host: "::1", port: 49_152 })).toBe("[::1]:49152")
  expect(peerName({ _tag: "Unix", path: "" })).toBe("unix")
  expect(peerName({ _tag: "Tcp", host: "", port: 0 })).toBe("unknown")
})
