/** Sockets that systemd hands over: all that the environment may say, and the real program if it is installed. */
import * as fc from "fast-check"
import * as fs from "node:fs"
import * as path from "node:path"
import { activatedSockets, bind, OptionError, withoutActivation } from "tsgi"
import { SocketActivation } from "tsgi/effect"
import { afterAll, describe, expect, it } from "vitest"
import { program } from "../utils/made.js"
import { installed, Program } from "../utils/processes.js"
import { folderFor } from "../utils/programs.js"
import { ask } from "../utils/sockets.js"

describe("the environment says", () => {
  it.each<[string, Record<string, string | undefined>, ReadonlyArray<unknown>]>([
    ["nothing", {}, []],
    ["one", { LISTEN_PID: "7", LISTEN_FDS: "1" }, [{ fd: 3, name: undefined }]],
    ["none", { LISTEN_PID: "7", LISTEN_FDS: "0" }, []],
    ["two with names", { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "web:admin" }, [
      { fd: 3, name: "web" },
      { fd: 4, name: "admin" }
    ]],
    ["two, one of them without a name", { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: ":admin" }, [
      { fd: 3, name: undefined },
      { fd: 4, name: "admin" }
    ]],
    ["no names", { LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "" }, [{ fd: 3, name: undefined }]],
    ["what is meant for another process", { LISTEN_PID: "8", LISTEN_FDS: "1" }, []],
    ["what is meant for nobody", { LISTEN_FDS: "1" }, []],
    ["who, and not what", { LISTEN_PID: "7" }, []]
  ])("%s", (_, environment, expected) => {
    expect(activatedSockets(environment, 7)).toEqual(expected)
    expect(SocketActivation.activatedSockets(environment, 7)).toEqual(expected)
  })

  it.each<[string, Record<string, string>, RegExp]>([
    ["a number of descriptors that is none", { LISTEN_FDS: "three" }, /^LISTEN_FDS: must be a whole number.*"three"/],
    ["a negative one", { LISTEN_FDS: "-1" }, /^LISTEN_FDS: /],
    ["an empty one", { LISTEN_FDS: "" }, /^LISTEN_FDS: /],
    ["more than there can be", { LISTEN_FDS: "99999999" }, /^LISTEN_FDS: must be at most/],
    ["a process that is none", { LISTEN_PID: "me", LISTEN_FDS: "1" }, /^LISTEN_PID: must be a whole number.*"me"/],
    [
      "too few names",
      { LISTEN_FDS: "2", LISTEN_FDNAMES: "web" },
      /^LISTEN_FDNAMES: must be 2 names, one for each descriptor, between colons; it is "web": the service manager sets it$/
    ],
    [
      "too many names",
      { LISTEN_FDS: "1", LISTEN_FDNAMES: "web:admin" },
      /^LISTEN_FDNAMES: must be 1 name; it is "web:admin"/
    ]
  ])("%s, which is an OptionError that names the variable", (_, environment, message) => {
    const read = () => activatedSockets({ LISTEN_PID: "7", ...environment }, 7)
    expect(read).toThrow(message)
    expect(read).toThrow(OptionError)
  })

  it("whatever it likes: sockets or an OptionError", () => {
    fc.assert(fc.property(
      fc.record({
        LISTEN_PID: fc.oneof(fc.constant("7"), fc.string()),
        LISTEN_FDS: fc.oneof(fc.nat(9).map(String), fc.string()),
        LISTEN_FDNAMES: fc.string()
      }, { requiredKeys: [] }),
      (environment) => {
        try {
          activatedSockets(environment, 7).forEach(({ fd }, i) => expect(fd).toBe(3 + i))
        } catch (error) {
          expect(error).toBeInstanceOf(OptionError)
        }
      }
    ))
  })

  it("nothing to processes that are started from here", () => {
    const kept = { PATH: "/bin", LISTENER: "x" }
    const all = { ...kept, LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "web", LISTEN_PIDFDID: "1" }
    expect(withoutActivation(all)).toEqual(kept)
  })
})

const activator = installed("systemd-socket-activate")

describe.skipIf(activator === undefined)("systemd-socket-activate (skipped where it is not installed)", async () => {
  const folder = folderFor("activated")
  afterAll(() => fs.rmSync(folder, { recursive: true }))
  const server = await program("node/activated")

  it("starts a server on TCP and unix sockets with their names, and the first client is answered", async () => {
    const free = await bind()
    if (free.address._tag === "Unix") throw new Error("not TCP")
    const { port } = free.address
    free.close()
    const socket = path.join(folder, "activated.sock")
    const listening = ["-l", `127.0.0.1:${port}`, "-l", socket, "--fdname=web:local"]
    await using activated = new Program(
      activator ?? "",
      [...listening, process.execPath, server],
      { cwd: folder }
    )
    await activated.line(/Listening on .*activated\.sock/)
    expect(await ask(port)).toBe("3 web 127.0.0.1")
    expect(await ask({ _tag: "Unix", path: socket })).toBe("4 local unix")
    activated.kill("SIGTERM")
    expect((await activated.ended).code).toBe(0)
  })
})
